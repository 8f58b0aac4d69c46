"""Which workers are told apart: offers, and the tokens that demands ask for.

Workers are told apart only by tokens that some demand has asked for. So a serial number that
every worker has costs nothing until somebody asks for one, and then parts one worker from the
others, not all of them. Conditions of selectors are tokens too: they follow from the values of a
capability that has few, and part the workers that meet them from the rest where it has many.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, repeat

from boruta_farm.core.demands import Token
from boruta_farm.matching import conditions
from boruta_farm.matching.bearers import Bearers
from boruta_farm.matching.classes import Candidate, Demand, Offer, OfferLabel, WorkerKey
from boruta_farm.matching.conditions import Conditions


class Parting:
    """Keep offers apart by what is asked for, and no further.

    ``move`` takes a worker from its offer into another, under the key given; ``link`` notes that
    an offer fits a demand. ``asking`` counts who asks for each token; ``unasked`` rises whenever
    nobody asks for one any more.
    """

    def __init__(
        self,
        move: Callable[[Candidate, Offer, WorkerKey], None],
        link: Callable[[Demand, Offer], None],
    ) -> None:
        self.bearers = Bearers()
        self._move = move
        self._link = link
        self._offers: dict[OfferLabel, Offer] = {}
        self._offers_with: dict[Token, set[Offer]] = {}
        self.asking: dict[Token, int] = {}
        self._conditions = Conditions()
        self._columns: dict[str, set[Token]] = {}
        # A lone demand is stored as it is: where each asks for a serial number, all are lone.
        self._demands_by: dict[Token | None, Demand | set[Demand]] = {}
        self._parted = 0
        self.unasked = 0

    def offers(self) -> Iterator[Offer]:
        """Return every offer."""
        return iter(self._offers.values())

    def offers_having(self, caps: frozenset[Token]) -> Collection[Offer]:
        """Return offers among which all are that have these tokens."""
        if not caps:
            return tuple(self._offers.values())
        nobody: set[Offer] = set()
        return min((self._offers_with.get(token, nobody) for token in caps), key=len)

    def offers_but_for(self, caps: frozenset[Token]) -> Callable[[Token | None], Collection[Offer]]:
        """Return what ``offers_having`` does when one of the tokens is left out, None for none.

        To ask for each of hundreds in turn costs little.
        """
        rarest = sorted(caps, key=lambda token: len(self._offers_with.get(token, ())))[:2]
        whole = self.offers_having(frozenset(rarest[:1]))
        rest = self.offers_having(frozenset(rarest[1:]))
        return lambda dropped: rest if rarest and dropped == rarest[0] else whole

    def _demands_under(self, tokens: Iterable[Token]) -> Iterator[Demand]:
        found = map(self._demands_by.get, (None, *tokens), repeat(()))
        return chain.from_iterable((f,) if isinstance(f, Demand) else f for f in found)

    def file_demand(self, demand: Demand) -> None:
        """Have a demand found by new offers, under its pivot."""
        known = self._demands_by.get(demand.pivot)
        if known is None:
            self._demands_by[demand.pivot] = demand
        elif isinstance(known, Demand):
            self._demands_by[demand.pivot] = {known, demand}
        else:
            known.add(demand)

    def unfile_demand(self, demand: Demand) -> None:
        """Have it found no more."""
        known = self._demands_by[demand.pivot]
        if isinstance(known, set):
            known.discard(demand)
            if known:
                return
        del self._demands_by[demand.pivot]

    def offer_at(self, label: OfferLabel, like: Iterable[Demand] | None = None) -> Offer:
        """Return the offer of a label; a new one is linked to what fits, ``like`` if known."""
        offer = self._offers.get(label)
        if offer is None:
            self._parted += 1
            offer = Offer(label, self._derived(label), self._parted)
            offer.verified = self.unasked
            self._file(offer)
            for demand in offer.fitting(
                self._demands_under(offer.tokens) if like is None else like
            ):
                self._link(demand, offer)
        return offer

    def label_of(self, tokens: Collection[Token], serves_all: bool) -> OfferLabel:
        """Return what of a worker's tokens makes a difference."""
        asked = [token for token in tokens if token in self.asking]
        return frozenset((*asked, *self._conditions.met(tokens, columns=False))), serves_all

    def _derived(self, label: OfferLabel) -> Iterable[Token]:
        return self._conditions.met(label[0], columns=True)

    def _file(self, offer: Offer) -> None:
        self._offers[offer.asked, offer.serves_all] = offer
        for token in offer.tokens:
            self._offers_with.setdefault(token, set()).add(offer)

    def unfile(self, offer: Offer) -> None:
        """Forget an offer that nobody makes any more."""
        del self._offers[offer.asked, offer.serves_all]
        for token in offer.tokens:
            self._offers_with[token].discard(offer)
            if not self._offers_with[token]:
                del self._offers_with[token]

    def _relabel(self, offer: Offer, label: OfferLabel) -> None:
        """Rename an offer whose workers all stay together."""
        self.unfile(offer)
        offer.label(label, self._derived(label))
        self._file(offer)

    def ask(self, token: Token) -> None:
        """Count one more who asks for a token; the first makes a difference of it."""
        asking = self.asking.get(token, 0)
        self.asking[token] = asking + 1
        if asking:
            return
        name = token[0]
        if len(token) == 3 and self._conditions.add(token, len(self.bearers.values(name))):
            values = self._columns[name] = {(name, value) for value in self.bearers.values(name)}
            for value in values:
                self.ask(value)
        if len(token) < 3 or not self._conditions.is_column(name):
            self._part(token)
            return
        met = ((name, value) for value in self.bearers.meeting(token))
        having = set[Offer]().union(*(self._offers_with.get(value, ()) for value in met))
        for offer in having:
            offer.tokens.add(token)
        if having:
            self._offers_with.setdefault(token, set()).update(having)

    def unask(self, token: Token) -> None:
        """Count one less who asks for a token."""
        self.asking[token] -= 1
        if self.asking[token]:
            return
        del self.asking[token]
        self.unasked += 1
        if len(token) < 3:
            return
        if self._conditions.is_column(token[0]):
            for offer in self._offers_with.pop(token, ()):
                offer.tokens.discard(token)
        if self._conditions.remove(token):
            for value in self._columns.pop(token[0], ()):
                self.unask(value)

    def meet_values(self, tokens: Iterable[Token]) -> None:
        """Tell values apart that a column has not had before, while it has few."""
        if not self._columns:
            return
        for token in tokens:
            column = self._columns.get(token[0]) if len(token) == 2 else None
            if column is not None and token not in column:
                column.add(token)
                self.ask(token)
                if len(column) > conditions.COLUMN_VALUES:
                    self._end_column(token[0])

    def _end_column(self, name: str) -> None:
        """Part workers by the conditions themselves from now on: the values are too many."""
        self._conditions.end_column(name)
        values = self._columns.pop(name)
        parted: dict[Offer, list[Candidate]] = {}
        for value in values:
            for candidate in self.bearers.of(value):
                parted.setdefault(candidate.offer, []).append(candidate)
            self.unask(value)
        for offer, candidates in parted.items():
            met = [token for token in offer.tokens if len(token) == 3 and token[0] == name]
            asked = filter(self.asking.__contains__, offer.asked)
            label = frozenset((*asked, *met)), offer.serves_all
            if label not in self._offers:
                self._relabel(offer, label)
            elif self._offers[label] is not offer:
                for candidate in candidates:
                    self._move(candidate, self._offers[label], candidate.key)

    def _part(self, token: Token) -> None:
        """Tell workers that have ``token`` from those that have not: a demand asks for it now."""
        parting: dict[Offer, list[Candidate]] = {}
        for candidate in self.bearers.of(token):
            if token not in candidate.offer.tokens:
                parting.setdefault(candidate.offer, []).append(candidate)
        for offer, candidates in parting.items():
            label = (offer.asked | {token}, offer.serves_all)
            if label not in self._offers and len(candidates) == offer.registered:
                self._relabel(offer, label)
                continue
            target = self.offer_at(label, tuple(offer.eligible))
            for candidate in candidates:
                self._move(candidate, target, candidate.key)

    def verify(self, candidate: Candidate) -> None:
        """Bring workers together again that differ only in what nobody asks for any more."""
        offer = candidate.offer
        label = frozenset(filter(self.asking.__contains__, offer.asked)), offer.serves_all
        if label[0] == offer.asked:
            offer.verified = self.unasked
        elif label not in self._offers:
            self._relabel(offer, label)
            offer.verified = self.unasked
        else:
            self._move(candidate, self._offers[label], candidate.key)
