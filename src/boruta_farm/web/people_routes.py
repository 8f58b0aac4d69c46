"""The calls about people: who one is, accounts, groups, tokens, the audit."""

from boruta_farm.model.account import Account, Group
from boruta_farm.model.answers import Self
from boruta_farm.model.audit import AuditEntry, Verification
from boruta_farm.model.permission import Permission
from boruta_farm.model.token import Issued, Token
from boruta_farm.model.wish import Refused
from boruta_farm.web.accounts import (
    ACCOUNT_BODY,
    GROUP_BODY,
    REMOVAL_BODY,
    WISHES_BODY,
    AccountCalls,
)
from boruta_farm.web.audit import AuditCalls
from boruta_farm.web.auth import Entrance, People
from boruta_farm.web.routes import Parameter, Route
from boruta_farm.web.tokens import LOGIN_BODY, TOKEN_BODY, TokenCalls

_ACCOUNT = Parameter(
    name="account", place="query", kind="string", words="only tokens of this account"
)


def _filter(name: str, words: str, kind: str = "string") -> Parameter:
    return Parameter(name=name, place="query", kind=kind, words=words)


_FILTERS = (
    _filter("after", "only entries with a higher number", "integer"),
    _filter("limit", "at most so many entries", "integer"),
    _filter("actor", "only what this account (or `farm`, `nobody`, `agent UUID`) did"),
    _filter("action", "only this action, such as `key.read`"),
    _filter("subject", "only what was done to this, such as `request 12`"),
    _filter("since", "only from this time on (RFC 3339)"),
    _filter("until", "only before this time (RFC 3339)"),
)


def people_routes(people: People, entrance: Entrance) -> tuple[Route, ...]:
    """Return the calls about people."""
    accounts = AccountCalls(people.accounts, people.tokens)
    tokens = TokenCalls(people.tokens, entrance)
    audit = AuditCalls(people.audit)
    return (
        Route(
            method="POST",
            path="login",
            endpoint=tokens.login,
            permission=Permission.PUBLIC,
            summary="Exchange a one-time token (sent as bearer) for a personal one",
            reader=LOGIN_BODY,
            optional_body=True,
            success=201,
            answer=Issued,
        ),
        Route(
            method="GET",
            path="me",
            endpoint=accounts.me,
            permission=Permission.SEE_SELF,
            summary="Tell who is calling, and what he may take",
            answer=Self,
            head=True,
        ),
        Route(
            method="GET",
            path="users/",
            endpoint=accounts.list,
            permission=Permission.SEE_PEOPLE,
            summary="List the accounts that the caller may see",
            answer=list[Account],
            head=True,
        ),
        Route(
            method="GET",
            path="users/{user}",
            endpoint=accounts.get,
            permission=Permission.SEE_PEOPLE,
            summary="Show an account",
            answer=Account,
            head=True,
        ),
        Route(
            method="POST",
            path="users/{user}",
            endpoint=accounts.save,
            permission=Permission.MANAGE_SELF,
            beyond=Permission.MANAGE_PEOPLE,
            summary="Change an account, or make it; of one's own only name and SSH keys",
            reader=ACCOUNT_BODY,
            answer=Account,
        ),
        Route(
            method="POST",
            path="users/{user}/invite",
            endpoint=accounts.invite,
            permission=Permission.MANAGE_PEOPLE,
            summary="Change an account, or make it, with a one-time token to sign in with",
            reader=ACCOUNT_BODY,
            optional_body=True,
            success=201,
            answer=Issued,
        ),
        Route(
            method="POST",
            path="rehearse",
            endpoint=accounts.rehearse,
            permission=Permission.MANAGE_WORKERS,
            beyond=Permission.MANAGE_PEOPLE,
            reader=WISHES_BODY,
            summary="Tell which of some wishes would be refused, each after those before it; "
            "nothing is changed",
            answer=list[Refused],
        ),
        Route(
            method="POST",
            path="users/{user}/remove",
            endpoint=accounts.remove,
            permission=Permission.MANAGE_PEOPLE,
            reader=REMOVAL_BODY,
            optional_body=True,
            summary="Remove an account and its tokens",
            success=204,
        ),
        Route(
            method="GET",
            path="groups/",
            endpoint=accounts.list_groups,
            permission=Permission.SEE_PEOPLE,
            summary="List all groups",
            answer=list[Group],
            head=True,
        ),
        Route(
            method="POST",
            path="groups/{group}",
            endpoint=accounts.save_group,
            permission=Permission.MANAGE_PEOPLE,
            summary="Change a group, or make it",
            reader=GROUP_BODY,
            answer=Group,
        ),
        Route(
            method="POST",
            path="groups/{group}/remove",
            endpoint=accounts.remove_group,
            permission=Permission.MANAGE_PEOPLE,
            summary="Remove a group that has no members",
            success=204,
        ),
        Route(
            method="GET",
            path="tokens/",
            endpoint=tokens.list,
            permission=Permission.SEE_PEOPLE,
            summary="List the tokens that the caller may see, never their secrets",
            answer=list[Token],
            parameters=(_ACCOUNT,),
            head=True,
        ),
        Route(
            method="POST",
            path="tokens/",
            endpoint=tokens.issue,
            permission=Permission.MANAGE_SELF,
            beyond=Permission.MANAGE_PEOPLE,
            summary="Make a token; its secret is shown this once",
            reader=TOKEN_BODY,
            success=201,
            answer=Issued,
        ),
        Route(
            method="POST",
            path="tokens/{token}/revoke",
            endpoint=tokens.revoke,
            permission=Permission.SEE_SELF,
            beyond=Permission.MANAGE_PEOPLE,
            summary="Make a token worthless; the one in hand may always be given up",
            success=204,
        ),
        Route(
            method="GET",
            path="audit",
            endpoint=audit.export,
            permission=Permission.READ_AUDIT,
            summary="Write the audit as JSON lines, oldest first",
            answer=AuditEntry,
            media="application/x-ndjson",
            parameters=_FILTERS,
        ),
        Route(
            method="GET",
            path="audit/verify",
            endpoint=audit.verify,
            permission=Permission.READ_AUDIT,
            summary="Check the audit's whole chain",
            answer=Verification,
            head=True,
        ),
    )
