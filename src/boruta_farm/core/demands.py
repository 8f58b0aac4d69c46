"""What a request demands, as tokens that a worker has or has not."""

from functools import lru_cache
from typing import NamedTuple

from boruta_farm.core.sshkeys import goes_over_go_rpc
from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Asked
from boruta_farm.selectors.conditions import Absent, AnyOf, Condition, NoneOf, Present
from boruta_farm.selectors.selector import parse

Token = tuple[str, ...]
"""What can be asked for: ``(capability, value)``, ``(group,)``, or ``(capability, condition, "")``
for a condition of a selector, which those have whose value meets it."""


class DemandKey(NamedTuple):
    """What makes two requests alike: what they need, what they refuse, and for whom.

    ``owner`` is None unless a policy looks at owners.
    """

    caps: frozenset[Token]
    bars: frozenset[Token]
    groups: frozenset[str] | None
    owner: str | None


UNFENCED: Token = ("\0fence", "none")
"""What boards over Go RPC have; requests whose own key cannot travel there refuse it."""


def demand_key(request: Request | Asked, owner: str | None = None) -> DemandKey:
    """Return what a request demands; exact capabilities and equality in a selector are the same."""
    caps = frozenset(request.caps.items()) if request.caps else _NOTHING
    # Asked here as well, because a rebuild asks it a million times.
    bars = _NOTHING if request.ssh_key is None or takes_any_board(request) else _UNFENCED
    if request.selector is None:
        return DemandKey(caps, bars, request.owner_groups, owner)
    needed, barred = _tokens(request.selector)
    # What nothing is added to stays the object that is kept already.
    caps = caps | needed if caps else needed
    bars = barred | bars if bars else barred
    return DemandKey(caps, bars, request.owner_groups, owner)


def takes_any_board(request: Request | Asked) -> bool:
    """Tell whether boards without a fence will do: they take RSA and Ed25519 keys only."""
    return request.ssh_key is None or goes_over_go_rpc(request.ssh_key)


_NOTHING: frozenset[Token] = frozenset()
_UNFENCED: frozenset[Token] = frozenset({UNFENCED})


@lru_cache(maxsize=16_384)
def _tokens(selector: str) -> tuple[frozenset[Token], frozenset[Token]]:
    """Return what a selector needs and refuses.

    What it refuses is kept as such: few workers are broken, nearly all are not.
    """
    needed: set[Token] = set()
    barred: set[Token] = set()
    for condition in parse(selector).conditions:
        match condition:
            case AnyOf(values=(value,)):
                needed.add((condition.name, value))
            case NoneOf():
                barred.update((condition.name, value) for value in condition.values)
            case Absent():
                barred.add(condition_token(Present(name=condition.name)))
            case _:
                needed.add(condition_token(condition))
    return frozenset(needed), frozenset(barred)


def condition_token(condition: Condition) -> Token:
    """Return the token of those workers whose capability meets a condition."""
    return condition.name, str(condition), ""


def condition_of(token: Token) -> Condition:
    """Return the condition that made a token of three parts."""
    return parse(token[1]).conditions[0]


def token_text(token: Token) -> str:
    """Return a token in words: ``arch=arm``, ``ram >= 2``, or the group's name."""
    if token == UNFENCED:
        return "a board over Go RPC, which takes only RSA and Ed25519 keys"
    return token[1] if len(token) == 3 else "=".join(token)
