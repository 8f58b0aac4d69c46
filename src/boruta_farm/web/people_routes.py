"""The calls about people: who one is, accounts, groups, tokens, the audit."""

from boruta_farm.clock import Clock
from boruta_farm.model.account import Account, Group
from boruta_farm.model.answers import Self
from boruta_farm.model.audit import AuditEntry, Verification
from boruta_farm.model.permission import Permission
from boruta_farm.model.token import Issued, Token
from boruta_farm.model.webhook import Webhook
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
from boruta_farm.web.routes import Parameter, Route, change, read
from boruta_farm.web.sessions import SessionCalls
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


def people_routes(people: People, entrance: Entrance, clock: Clock) -> tuple[Route, ...]:
    """Return the calls about people."""
    accounts = AccountCalls(people.accounts, people.tokens)
    tokens = TokenCalls(people.tokens, entrance)
    audit = AuditCalls(people.audit)
    sessions = SessionCalls(people.tokens, entrance, clock)
    return (
        change(
            "login",
            tokens.login,
            Permission.PUBLIC,
            "Exchange a one-time token (sent as bearer) for a personal one",
            reader=LOGIN_BODY,
            optional_body=True,
            answer=Issued,
            success=201,
        ),
        change(
            "session",
            sessions.begin,
            Permission.PUBLIC,
            "Exchange a token (sent as bearer) for the cookie of a browser's session of 12 hours",
            answer=Token,
            success=201,
        ),
        change(
            "session/end",
            sessions.end,
            Permission.SEE_SELF,
            "Sign out: end the browser's session",
        ),
        read(
            "me",
            accounts.me,
            Permission.SEE_SELF,
            "Tell who is calling, and what he may take",
            answer=Self,
        ),
        read(
            "me/webhook",
            accounts.webhook,
            Permission.MANAGE_SELF,
            "Tell the caller's own webhook, and the secret that signs its messages",
            answer=Webhook,
        ),
        read(
            "users/",
            accounts.list,
            Permission.SEE_PEOPLE,
            "List the accounts that the caller may see",
            answer=list[Account],
        ),
        read(
            "users/{user}", accounts.get, Permission.SEE_PEOPLE, "Show an account", answer=Account
        ),
        change(
            "users/{user}",
            accounts.save,
            Permission.MANAGE_SELF,
            "Change an account, or make it; of one's own only name and SSH keys",
            beyond=Permission.MANAGE_PEOPLE,
            reader=ACCOUNT_BODY,
            answer=Account,
        ),
        change(
            "users/{user}/invite",
            accounts.invite,
            Permission.MANAGE_PEOPLE,
            "Change an account, or make it, with a one-time token to sign in with",
            reader=ACCOUNT_BODY,
            optional_body=True,
            answer=Issued,
            success=201,
        ),
        change(
            "rehearse",
            accounts.rehearse,
            Permission.MANAGE_WORKERS,
            "Tell which of some wishes would be refused, each after those before it; "
            "nothing is changed",
            beyond=Permission.MANAGE_PEOPLE,
            reader=WISHES_BODY,
            answer=list[Refused],
        ),
        change(
            "users/{user}/remove",
            accounts.remove,
            Permission.MANAGE_PEOPLE,
            "Remove an account and its tokens",
            reader=REMOVAL_BODY,
            optional_body=True,
        ),
        read(
            "groups/",
            accounts.list_groups,
            Permission.SEE_PEOPLE,
            "List all groups",
            answer=list[Group],
        ),
        change(
            "groups/{group}",
            accounts.save_group,
            Permission.MANAGE_PEOPLE,
            "Change a group, or make it",
            reader=GROUP_BODY,
            answer=Group,
        ),
        change(
            "groups/{group}/remove",
            accounts.remove_group,
            Permission.MANAGE_PEOPLE,
            "Remove a group that has no members",
        ),
        read(
            "tokens/",
            tokens.list,
            Permission.SEE_PEOPLE,
            "List the tokens that the caller may see, never their secrets",
            answer=list[Token],
            parameters=(_ACCOUNT,),
        ),
        change(
            "tokens/",
            tokens.issue,
            Permission.MANAGE_SELF,
            "Make a token; its secret is shown this once",
            beyond=Permission.MANAGE_PEOPLE,
            reader=TOKEN_BODY,
            answer=Issued,
            success=201,
        ),
        change(
            "tokens/{token}/revoke",
            tokens.revoke,
            Permission.SEE_SELF,
            "Make a token worthless; the one in hand may always be given up",
            beyond=Permission.MANAGE_PEOPLE,
        ),
        read(
            "audit",
            audit.export,
            Permission.READ_AUDIT,
            "Write the audit as JSON lines, oldest first",
            answer=AuditEntry,
            media="application/x-ndjson",
            parameters=_FILTERS,
            head=False,
        ),
        read(
            "audit/verify",
            audit.verify,
            Permission.READ_AUDIT,
            "Check the audit's whole chain",
            answer=Verification,
        ),
    )
