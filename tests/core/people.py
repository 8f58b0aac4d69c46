"""Callers, accounts and tokens for the core's tests."""

from dataclasses import replace

from boruta_farm.model.account import Account, Group
from boruta_farm.model.caller import Caller
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import NewToken, TokenKind, compose, digest_of
from tests.core.world import NOW, DictWorld


def caller(name: str, role: Role, *groups: str, scope: Scope = Scope.ADMIN) -> Caller:
    return Caller(
        id=f"id-{name}",
        name=name,
        role=role,
        groups=frozenset(groups),
        scope=scope,
        source="192.0.2.7",
    )


ROOT = caller("root", Role.ADMIN)
ANN = caller("ann", Role.USER, "kernel")
BOB = caller("bob", Role.USER, "radio")
CHIEF = caller("chief", Role.GROUP_ADMIN, "kernel")
AUDITOR = caller("auditor", Role.AUDITOR)
VIEWER = caller("viewer", Role.VIEWER, "kernel")


def peopled(world: DictWorld) -> DictWorld:
    """Make the accounts of the callers above."""
    for name in ("kernel", "radio"):
        world.put(Group(name=name, created=NOW))
    for who in (ROOT, ANN, BOB, CHIEF, AUDITOR, VIEWER):
        groups = tuple(sorted(who.groups or ()))
        world.put(Account(id=who.id, name=who.name, role=who.role, created=NOW, groups=groups))
    return world


def secret_of(kind: TokenKind, number: str) -> tuple[str, str]:
    """Return a token's text and digest."""
    secret = compose(kind, number, f"random-part-of-{number}_with_marks")
    return secret, digest_of(secret)


PERSONAL = NewToken(account="ann", kind=TokenKind.PERSONAL, scope=Scope.REQUEST, name="laptop")


def wanting(**changes: object) -> NewToken:
    return replace(PERSONAL, **changes)  # type: ignore[arg-type]  # a test names the fields
