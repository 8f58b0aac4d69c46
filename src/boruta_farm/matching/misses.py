"""Which registered boards do not fit a request, for want of what, and which nearly do."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from boruta_farm.core.demands import Token, token_text
from boruta_farm.matching.classes import Demand, Offer
from boruta_farm.matching.market import Market
from boruta_farm.model.caller import serves
from boruta_farm.model.explanation import Guess, Lack, NearMiss
from boruta_farm.selectors.hints import near

MOST_SCANNED = 2000
"""Classes of boards looked at for near misses: a bound on time, not on farms that people have."""

MOST_COMPARED = 500
"""Names and values that what was asked for is compared with, which takes some 15 us each: serial
numbers have as many values as boards, and a request may ask for hundreds that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """Count what registered boards fail on.

    ``lacking`` counts boards per required capability that they lack; a board that lacks two is
    counted twice. ``other_groups`` have all capabilities but serve other groups; ``elsewhere``
    tells whether any board has all of them, however many there are to look at. ``without``
    tells how many boards would match if one capability were not asked for. ``wanted`` are all
    required capabilities, ``unknown`` those that no board has, with ``guesses`` at what was meant.
    ``nearest`` is the board that misses least.
    """

    wanted: tuple[str, ...]
    unknown: tuple[str, ...]
    elsewhere: bool
    lacking: dict[str, int]
    other_groups: int
    without: dict[str, int]
    nearest: NearMiss | None
    guesses: tuple[Guess, ...] = ()


def misses(market: Market, demand: Demand) -> Misses:
    """Find out what the boards that do not match fail on."""
    registered = len(market.workers)
    wanted = [Miss(token, False) for token in sorted(demand.caps)]
    wanted += [Miss(token, True) for token in sorted(demand.bars)]
    having = {miss: market.parting.bearers.count(miss.token) for miss in wanted}
    failing = {miss: having[miss] if miss.barred else registered - having[miss] for miss in wanted}
    without: dict[str, int] = {}
    others = 0
    nearest = _Nearest()
    offers_but_for = market.parting.offers_but_for(demand.caps)
    seen: dict[Offer, _Missed] = {}
    for dropped in (None, *wanted):
        count = 0
        offers = offers_but_for(None if dropped is None else dropped.token)
        for offer in islice(offers, MOST_SCANNED // (1 + len(wanted))):
            missed = seen.get(offer)
            if missed is None:
                missed = seen[offer] = demand.caps - offer.tokens, demand.bars & offer.tokens
            many = len(missed[0]) + len(missed[1])
            served = demand.groups is None or serves(offer.groups, demand.groups)
            if not many:
                others += offer.registered if dropped is None and not served else 0
            elif served:
                if many == 1 and dropped is not None and dropped.token in missed[dropped.barred]:
                    count += offer.registered
                nearest.see(offer, missed, many)
        if dropped is not None and count:
            without[str(dropped)] = count
    best = nearest.best()
    return Misses(
        wanted=tuple(map(str, wanted)),
        unknown=tuple(str(miss) for miss in wanted if not (miss.barred or having[miss])),
        elsewhere=any(o.has_all(demand) for o in market.parting.offers_having(demand.caps)),
        lacking={str(miss): count for miss, count in failing.items() if count},
        other_groups=others,
        without=without,
        nearest=None if best is None else _nearest(market, *best),
        guesses=tuple(_guesses(market, demand)),
    )


def _guesses(market: Market, demand: Demand) -> Iterator[Guess]:
    """Guess at names that no board's capability bears, and at exact values that none has."""
    known = frozenset(market.parting.bearers.names)
    left = MOST_COMPARED
    for name in sorted({token[0] for token in demand.caps} - known):
        meant = near(name, known if len(known) <= left else ())
        left -= min(left, len(known))
        if meant:
            yield Guess(given=name, meant=tuple(meant))
    for token in sorted(token for token in demand.caps if len(token) == 2):
        name, value = token
        if name in known and not market.parting.bearers.count(token):
            values = list(islice(market.parting.bearers.values(name), left))
            meant = near(value, values)
            left -= len(values)
            if meant:
                yield Guess(given=value, meant=tuple(meant), capability=name)


class Miss(NamedTuple):
    """Name what a board fails on: a token that it lacks, or has although it is refused."""

    token: Token
    barred: bool

    def __str__(self) -> str:
        text = token_text(self.token)
        return f"not {text}" if self.barred else text


_Missed = tuple[frozenset[Token], frozenset[Token]]
"""Tokens that an offer lacks, and tokens that it has although they are refused."""


class _Nearest:
    """Find the offer that fails on the least, always the same for the same farm.

    Thousands are looked at and most fail like another one, so what they fail on is put in order
    only in the end, once for each kind of failure.
    """

    def __init__(self) -> None:
        self._least = 0
        self._found: dict[_Missed, Offer] = {}

    def see(self, offer: Offer, missed: _Missed, many: int) -> None:
        """Take an offer into account, which fails on so many tokens."""
        if self._found and many > self._least:
            return
        if many != self._least:
            self._least = many
            self._found.clear()
        known = self._found.get(missed)
        if known is None or offer.number < known.number:
            self._found[missed] = offer

    def best(self) -> tuple[Offer, list[Miss]] | None:
        """Return the nearest offer and what it fails on, in order; None when none was seen."""
        told = (
            (sorted(Miss(token, bool(kind)) for kind in (0, 1) for token in missed[kind]), offer)
            for missed, offer in self._found.items()
        )
        found = min(told, key=lambda pair: pair[0], default=None)
        return None if found is None else (found[1], found[0])


def _nearest(market: Market, offer: Offer, missed: list[Miss]) -> NearMiss | None:
    """Name one board of the offer, what it lacks, and what it has in its place."""
    board = market.some_worker(offer)
    if board is None:
        return None
    has = {token[0]: token for token in board.tokens if len(token) == 2}
    lacks = tuple(
        Lack(
            name=miss.token[0],
            wanted=str(miss),
            has=token_text(has[miss.token[0]]) if miss.token[0] in has else None,
            barred=miss.barred,
        )
        for miss in missed
    )
    return NearMiss(worker=board.uuid, name=board.name, lacks=lacks)
