"""Which registered boards do not fit a request, for want of what, and which nearly do."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from boruta_farm.core.classes import Demand, Offer
from boruta_farm.core.demands import Token, token_text
from boruta_farm.core.market import Market
from boruta_farm.model.caller import serves
from boruta_farm.selectors.hints import near

MOST_SCANNED = 2000
"""Classes of boards looked at for near misses: a bound on time, not on farms that people have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """Count what registered boards fail on.

    ``lacking`` counts boards per required capability that they lack; a board that lacks two is
    counted twice. ``other_groups`` have all capabilities but serve other groups; ``elsewhere``
    tells whether any board has all of them, however many there are to look at. ``without``
    tells how many boards would match if one capability were not asked for. ``wanted`` are all
    required capabilities, ``unknown`` those that no board has. ``nearest`` is in words, and so
    are ``guesses`` at names that no board's capability bears.
    """

    wanted: tuple[str, ...]
    unknown: tuple[str, ...]
    elsewhere: bool
    lacking: dict[str, int]
    other_groups: int
    without: dict[str, int]
    nearest: str | None
    guesses: tuple[str, ...] = ()


def misses(market: Market, demand: Demand) -> Misses:
    """Find out what the boards that do not match fail on."""
    registered = len(market.workers)
    wanted = [Miss(token, False) for token in sorted(demand.caps)]
    wanted += [Miss(token, True) for token in sorted(demand.bars)]
    having = {miss: market.bearers.count(miss.token) for miss in wanted}
    failing = {miss: having[miss] if miss.barred else registered - having[miss] for miss in wanted}
    without: dict[str, int] = {}
    others = 0
    best: tuple[Offer, frozenset[Miss]] | None = None
    for dropped in (None, *wanted):
        rest = demand.caps if dropped is None else demand.caps - {dropped.token}
        count = 0
        offers = market.offers_having(rest)
        for offer in islice(offers, MOST_SCANNED // (1 + len(wanted))):
            missed = misses_of(demand, offer)
            served = demand.groups is None or serves(offer.groups, demand.groups)
            if not missed:
                others += offer.registered if dropped is None and not served else 0
            elif served:
                count += offer.registered if missed == {dropped} else 0
                if best is None or _place(missed, offer) < _place(best[1], best[0]):
                    best = offer, missed
        if dropped is not None and count:
            without[str(dropped)] = count
    return Misses(
        wanted=tuple(map(str, wanted)),
        unknown=tuple(str(miss) for miss in wanted if not (miss.barred or having[miss])),
        elsewhere=any(not misses_of(demand, o) for o in market.offers_having(demand.caps)),
        lacking={str(miss): count for miss, count in failing.items() if count},
        other_groups=others,
        without=without,
        nearest=None if best is None else _nearest(market, *best),
        guesses=tuple(_guesses(market, demand)),
    )


def _guesses(market: Market, demand: Demand) -> Iterator[str]:
    known = frozenset(market.bearers.names)
    for name in sorted({token[0] for token in demand.caps} - known):
        meant = near(name, known)
        if meant:
            yield f"no board has a capability {name!r}, did you mean {' or '.join(meant)}?"


class Miss(NamedTuple):
    """Name what a board fails on: a token that it lacks, or has although it is refused."""

    token: Token
    barred: bool

    def __str__(self) -> str:
        text = token_text(self.token)
        return f"not {text}" if self.barred else text


def misses_of(demand: Demand, offer: Offer) -> frozenset[Miss]:
    """Return what an offer's workers fail on, whatever groups they serve."""
    lacking = demand.caps - offer.tokens
    refused = demand.bars & offer.tokens
    return frozenset(
        (*(Miss(token, False) for token in lacking), *(Miss(token, True) for token in refused))
    )


def _place(missed: frozenset[Miss], offer: Offer) -> tuple[int, list[Miss], int]:
    """Return by what near misses are sorted: always the same way for the same farm."""
    return len(missed), sorted(missed), offer.front.number


def _nearest(market: Market, offer: Offer, missed: frozenset[Miss]) -> str | None:
    """Name one board of the offer, what it lacks, and what it has in its place."""
    board = market.some_worker(offer)
    if board is None:
        return None
    has = {token[0]: token for token in board.tokens if len(token) == 2}
    told = []
    for miss in sorted(missed):
        name = miss.token[0]
        if name not in has:
            told.append(f"has no {name}")
        elif miss.barred:
            told.append(f"has {token_text(has[name])}")
        else:
            told.append(f"has {token_text(has[name])} instead of {miss}")
    return f"{board.name} {' and '.join(told)}"
