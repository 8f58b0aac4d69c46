"""What happens to accounts and groups: made, changed, removed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from boruta_farm.core.judging import judge_running
from boruta_farm.core.names import check_line, check_name
from boruta_farm.core.permissions import may_see_account
from boruta_farm.core.plan import IdentitySaved, Plan, Step
from boruta_farm.core.sharing import keys_of
from boruta_farm.core.sshkeys import board_key
from boruta_farm.core.world import World
from boruta_farm.model.account import (
    Account,
    AccountChange,
    Group,
    GroupChange,
    Limits,
    RunningJobs,
)
from boruta_farm.model.addresses import parse_network
from boruta_farm.model.audit import UNKNOWN
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    AccountError,
    AccountNotFoundError,
    ForbiddenError,
    GroupNotFoundError,
    SSHKeyError,
)
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Permission, Role
from boruta_farm.model.request import HIGHEST_PRIORITY, LOWEST_PRIORITY
from boruta_farm.model.spelling import folded
from boruta_farm.model.token import TokenKind
from boruta_farm.model.webhook import fault_of as webhook_fault

MOST_GROUPS = 64
MOST_KEYS = 20
MOST_NETWORKS = 32
LONGEST_SUBJECT = 255
"""Of OpenID Connect Core, section 2."""
OWN_FIELDS = frozenset({"full_name", "ssh_keys", "keys_on_board", "notify"})
"""What everybody may change about himself."""
WITHOUT_TOKEN = (Role.VIEWER, Role.USER)
"""Roles that calls without a token may have."""
RESERVED = {"farm": "the server itself", UNKNOWN: "who calls without a good token"}
"""Names that the audit uses for those who have no account."""


def save_account(
    world: World, caller: Caller, name: str, change: AccountChange, now: datetime
) -> Plan[Account]:
    """Change an account, or make it.

    Raises AccountError, GroupNotFoundError, SSHKeyError, ForbiddenError; AccountNotFoundError
    to one who may only change himself.
    """
    stored = world.account_named(name)
    _check_right(caller, name, change)
    if stored is None:
        check_new_name(world, name)
        stored = Account(
            id=world.fresh_account_id(), name=name, role=Role.USER, created=now, revision=0
        )
    changes = {field: getattr(change, field) for field in change.given}
    account = replace(stored, **changes, revision=stored.revision + 1)
    if change.groups is not None:
        account = replace(account, groups=tuple(sorted(set(change.groups))))
    if change.ssh_keys is not None:
        account = replace(account, ssh_keys=tuple(key.strip() for key in change.ssh_keys))
    check_account(world, account)
    check_admins(world, account)
    untied = _untied(world, stored, account)
    step = IdentitySaved(record=account, kind=EventKind.ACCOUNT_CHANGED)
    keep = change.running_jobs is RunningJobs.KEEP
    lost = frozenset(keys_of(stored)) - frozenset(keys_of(account))
    ending = lost if world.settings.end_removed_keys else frozenset[str]()
    jobs = judge_running(world, account, now, keep=keep, ending=ending)
    return Plan(answer=account, steps=(step, *untied, *jobs))


def remove_account(
    world: World,
    caller: Caller,
    name: str,
    now: datetime,
    running_jobs: RunningJobs = RunningJobs.END,
) -> Plan[None]:
    """Remove an account and its tokens, and end or keep its running jobs.

    Raises AccountNotFoundError, AccountError.
    """
    caller.require(Permission.MANAGE_PEOPLE)
    account = world.account_named(name)
    if account is None:
        raise AccountNotFoundError(f"there is no account {name!r}")
    others = [other for other in world.accounts() if other.id != account.id]
    if others and not any(map(_is_working_admin, others)):
        raise AccountError(f"{name} is the last admin; make another one first")
    steps: list[Step] = [
        IdentitySaved(record=token, kind=EventKind.TOKEN_REVOKED)
        for token in world.tokens()
        if token.account == account.id
    ]
    steps.append(IdentitySaved(record=account, kind=EventKind.ACCOUNT_REMOVED))
    keep = running_jobs is RunningJobs.KEEP
    jobs = judge_running(world, account, now, removed=True, keep=keep)
    return Plan(answer=None, steps=(*steps, *jobs))


def save_group(
    world: World, caller: Caller, name: str, change: GroupChange, now: datetime
) -> Plan[Group]:
    """Change a group, or make it. Raises AccountError."""
    caller.require(Permission.MANAGE_PEOPLE)
    stored = world.group(name)
    if stored is None:
        check_name(name, "a group")
        _check_unlike(name, "group", [group.name for group in world.groups()])
        stored = Group(name=name, created=now, revision=0)
    keys_for_admins = change.keys_for_admins
    group = replace(
        stored,
        limits=stored.limits if change.limits is None else change.limits,
        keys_for_admins=stored.keys_for_admins if keys_for_admins is None else keys_for_admins,
        members_join=stored.members_join if change.members_join is None else change.members_join,
        revision=stored.revision + 1,
    )
    check_limits(group.limits)
    step = IdentitySaved(record=group, kind=EventKind.GROUP_CHANGED)
    return Plan(answer=group, steps=(step,))


def remove_group(world: World, caller: Caller, name: str) -> Plan[None]:
    """Remove a group that has no members. Raises GroupNotFoundError, AccountError."""
    caller.require(Permission.MANAGE_PEOPLE)
    group = world.group(name)
    if group is None:
        raise GroupNotFoundError(f"there is no group {name!r}")
    members = [account.name for account in world.accounts() if name in account.groups]
    if members:
        raise AccountError(
            f"group {name} has {len(members)} members ({', '.join(members[:3])}"
            f"{', ...' if len(members) > 3 else ''}); move them first"
        )
    step = IdentitySaved(record=group, kind=EventKind.GROUP_REMOVED)
    return Plan(answer=None, steps=(step,))


def visible_account(caller: Caller, name: str, account: Account | None) -> Account:
    """Return an account if the caller may see it, else raise AccountNotFoundError."""
    caller.require(Permission.SEE_PEOPLE)
    if account is None or not may_see_account(caller, account):
        raise AccountNotFoundError(f"there is no account {name!r}")
    return account


def check_limits(limits: Limits) -> None:
    """Raise AccountError for limits that cannot be meant."""
    lowest = limits.lowest_priority or LOWEST_PRIORITY
    highest = limits.highest_priority or HIGHEST_PRIORITY
    if not HIGHEST_PRIORITY <= highest <= lowest <= LOWEST_PRIORITY:
        raise AccountError(
            f"priorities {highest} to {lowest} are no range within {HIGHEST_PRIORITY} (most "
            f"important) to {LOWEST_PRIORITY}"
        )
    for what, count in (("jobs", limits.jobs), ("waiting", limits.waiting)):
        if count is not None and not 0 <= count <= 1_000_000:
            raise AccountError(f"the limit {what!r} must lie between 0 and 1000000")
    for what, time in (("job_time", limits.job_time), ("prolong_time", limits.prolong_time)):
        if time is not None and not timedelta(0) <= time <= timedelta(days=366):
            raise AccountError(f"the limit {what!r} must lie between 0 and 366 days")
    if limits.job_time is not None and limits.job_time < timedelta(minutes=1):
        raise AccountError("the limit 'job_time' must be at least a minute")


def check_new_name(world: World, name: str) -> None:
    """Raise AccountError unless a new account may have this name."""
    check_name(name, "an account")
    if meant := RESERVED.get(folded(name)):
        raise AccountError(f"{name!r} stands for {meant}; choose another name")
    _check_unlike(name, "account", [account.name for account in world.accounts()])


def _untied(world: World, before: Account, after: Account) -> tuple[Step, ...]:
    """Return what ends the sign-ins of whom an account was tied to, once it is tied to another.

    Raises AccountError for an identity that is none, or another account's.
    """
    if before.identity == after.identity:
        return ()
    if after.identity:
        check_identity(after.identity)
        taken = [one.name for one in world.accounts() if one.identity == after.identity]
        if taken:
            raise AccountError(f"{taken[0]} has this identity already; take it from there first")
    return tuple(
        IdentitySaved(record=token, kind=EventKind.TOKEN_REVOKED)
        for token in world.tokens()
        if token.account == after.id and token.provider and token.kind is TokenKind.PERSONAL
    )


def check_identity(identity: str) -> None:
    """Raise AccountError unless this is issuer and subject, as OpenID Connect has them."""
    issuer, _, subject = identity.partition(" ")
    fits = issuer.startswith(("https://", "http://")) and 0 < len(subject) <= LONGEST_SUBJECT
    if not fits or not identity.isascii() or not identity.isprintable():
        raise AccountError(
            "an identity is the provider's issuer, a blank, and the subject that it has for the "
            "person: 'https://login.example 248289761001'"
        )


def _check_unlike(name: str, what: str, names: Iterable[str]) -> None:
    like = next((other for other in names if folded(other) == folded(name)), None)
    if like is not None:
        known = "" if like == name else f", and {name} differs from it in case alone"
        raise AccountError(
            f"there is the {what} {like} already{known}; use that one, or choose another name"
        )


def _check_right(caller: Caller, name: str, change: AccountChange) -> None:
    if caller.reach(Permission.MANAGE_PEOPLE):
        return
    if caller.name != name or not caller.reach(Permission.MANAGE_SELF):
        caller.require(Permission.MANAGE_PEOPLE)
    beyond = sorted(change.given - OWN_FIELDS)
    if beyond:
        raise ForbiddenError(
            f"{caller.name} may change {', '.join(sorted(OWN_FIELDS))} of his own account; "
            f"{', '.join(beyond)} is for admins"
        )


def check_account(world: World, account: Account) -> None:
    """Raise AccountError, GroupNotFoundError or SSHKeyError for an account that cannot be so."""
    check_line(account.full_name, "the full name")
    check_limits(account.limits)
    if len(account.groups) > MOST_GROUPS:
        raise AccountError(f"an account may be in at most {MOST_GROUPS} groups")
    for group in account.groups:
        if world.group(group) is None:
            raise GroupNotFoundError(
                f"there is no group {group[:80]!r}; make it first: boruta group add {group[:80]}"
            )
    if len(account.ssh_keys) > MOST_KEYS:
        raise AccountError(f"an account may have at most {MOST_KEYS} SSH keys")
    for place, key in enumerate(account.ssh_keys, 1):
        try:
            board_key(key)
        except SSHKeyError as error:
            raise SSHKeyError(f"SSH key {place}: {error.message}") from error
    if account.keys_on_board and not account.ssh_keys:
        raise AccountError(f"{account.name} has no SSH key to be put on boards; add one")
    if account.notify and (fault := webhook_fault(account.notify)):
        raise AccountError(fault)
    _check_networks(account)


def _check_networks(account: Account) -> None:
    if len(account.networks) > MOST_NETWORKS:
        raise AccountError(f"an account may stand for at most {MOST_NETWORKS} networks")
    for text in account.networks:
        try:
            parse_network(text)
        except ValueError as error:
            raise AccountError(
                f"{error}; write a network such as 10.0.1.0/24, or one address"
            ) from error
    if account.networks and account.role not in WITHOUT_TOKEN:
        raise AccountError(
            f"calls without a token may be {' or '.join(WITHOUT_TOKEN)}, not {account.role}"
        )


def check_admins(world: World, account: Account) -> None:
    """Keep one admin who can act: the first account, and whoever is left after a change."""
    if _is_working_admin(account):
        return
    others = [other for other in world.accounts() if other.id != account.id]
    if not others and account.revision == 1:
        raise AccountError(
            "the first account must be an admin's: from then on every call needs a token; "
            f"say: boruta user add {account.name} --role admin"
        )
    if not any(map(_is_working_admin, others)):
        raise AccountError(f"{account.name} is the last admin; make another one first")


def _is_working_admin(account: Account) -> bool:
    return account.role is Role.ADMIN and not account.disabled
