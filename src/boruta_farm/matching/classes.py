"""The two kinds of classes that are matched: what requests demand, what workers offer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from boruta_farm.core.demands import UNFENCED, DemandKey, Token, condition_of
from boruta_farm.core.ranks import Ranks
from boruta_farm.matching.heads import Front, Heads
from boruta_farm.matching.policies.ledger import Party
from boruta_farm.matching.policies.order import id_of
from boruta_farm.model.caller import serves
from boruta_farm.model.worker import Fence, Worker, WorkerState, matched

WorkerKey = tuple[int, str]
"""The order of idle workers: how capable, then UUID."""

OfferLabel = tuple[frozenset[Token], bool]
"""The tokens of a class of workers, and whether it serves everybody."""

_NOBODY: Ranks[int] = Ranks()
"""Stands for all sets of requests in which none has been yet: few demands ever need them."""

_SOME_GROUP = "\0"
"""Stands for groups that nobody asks for: the worker still does not serve everybody."""


class PartyFront(Front[int, "Demand"]):
    """Keep what can be handed out on behalf of a party that has shares or limits."""

    __slots__ = ("party",)

    def __init__(self, owner: "Demand", party: "Party[Demand]") -> None:
        super().__init__(owner)
        self.party = party

    @property
    def head(self) -> int | None:
        """Return the lowest key with the party's shares added, None while it may hold no more."""
        key = self.at(self.taken) if self.taken else self.lowest
        if key is None or self.party.full is not None:
            return None
        return key + self.party.shift


class Demand:
    """Collect the waiting requests that ask for the same.

    ``front`` holds what can be granted now, ``held`` what is valid but cannot (proposed already,
    a board being opened for it, past its deadline), ``later`` what is not yet valid; all by
    ``(priority, id)`` packed into one number. A worker must have all ``caps`` and none of ``bars``.
    ``named`` of them name lengths, which are ``named_time`` microseconds together.
    ``pivot`` is the one token under which new offers find the demand. ``party`` is on whose
    behalf the requests wait, None under policies that look at requests alone.
    """

    __slots__ = (
        "bars",
        "caps",
        "eligible",
        "front",
        "groups",
        "held",
        "idle",
        "key",
        "later",
        "named",
        "named_time",
        "party",
        "pivot",
    )

    def __init__(self, key: DemandKey, party: "Party[Demand] | None" = None) -> None:
        self.key = key
        self.caps = key.caps
        self.bars = key.bars
        self.groups = key.groups
        self.party = party
        self.front: Front[int, Demand] = Front(self) if party is None else PartyFront(self, party)
        self.held = self.later = _NOBODY
        self.named = self.named_time = 0
        # Dictionaries as sets: there are thousands of demands, and empty ones take a third.
        self.eligible: dict[Offer, None] = {}
        self.idle: Heads[WorkerKey, Offer] = Heads()
        self.pivot: Token | None = None

    @property
    def tokens(self) -> set[Token]:
        """Return every token that decides whether an offer fits."""
        return {*self.caps, *self.bars, *((group,) for group in self.groups or ())}

    @property
    def places(self) -> tuple[Ranks[int], Ranks[int], Ranks[int]]:
        """Return all sets of waiting requests."""
        return self.front, self.held, self.later

    @property
    def waiting(self) -> int:
        """Return how many requests wait here."""
        return sum(map(len, self.places))

    def hold(self) -> Ranks[int]:
        """Return ``held`` to put a request there; it is made for the first."""
        if self.held is _NOBODY:
            self.held = Ranks()
        return self.held

    def put_off(self) -> Ranks[int]:
        """Return ``later`` to put a request there; it is made for the first."""
        if self.later is _NOBODY:
            self.later = Ranks()
        return self.later

    @property
    def shift(self) -> int:
        """Return what is added to the keys when they are compared with other demands'."""
        return 0 if self.party is None else self.party.shift

    def take(self, request: int) -> None:
        """Give the first request away within a pass; its party is charged at once."""
        self.front.taken += 1
        if self.party is not None:
            self.party.charge(id_of(request))

    def announce(self) -> None:
        """Tell the offers that the first request may have become more important."""
        self.front.announce(offer.demands for offer in self.eligible)


class Offer:
    """Collect the registered workers that no live demand can tell apart.

    ``asked`` are the tokens that demands have asked for; whatever else the workers have does not
    part them. ``tokens`` are these and the conditions that follow from them. ``holders`` are
    ``(end of the job in microseconds, UUID)``, ``states`` counts workers. ``verified`` tells as
    of when all tokens were still asked for. ``absent`` are the workers that serve nobody at
    present: failed, in maintenance, out of reach.
    """

    __slots__ = (
        "absent",
        "asked",
        "demands",
        "eligible",
        "front",
        "groups",
        "holders",
        "number",
        "states",
        "tokens",
        "verified",
    )

    def __init__(self, label: OfferLabel, derived: Iterable[Token], number: int) -> None:
        self.label(label, derived)
        self.number = number
        self.front: Front[WorkerKey, Offer] = Front(self)
        self.eligible: dict[Demand, None] = {}
        self.demands: Heads[int, Demand] = Heads()
        self.states: dict[WorkerState, int] = {}
        self.holders: Ranks[WorkerKey] = Ranks()
        self.absent: dict[str, Candidate] = {}
        self.verified = 0

    def label(self, label: OfferLabel, derived: Iterable[Token]) -> None:
        """Set what the workers are known by, and the conditions that follow from it."""
        self.asked, serves_all = label
        self.tokens: set[Token] = {*self.asked, *derived}
        self.groups: tuple[str, ...] = ()
        if not serves_all:
            self.groups = (_SOME_GROUP, *(token[0] for token in self.asked if len(token) == 1))

    @property
    def registered(self) -> int:
        """Return how many workers are here, in any state."""
        return sum(self.states.values())

    @property
    def serves_all(self) -> bool:
        """Tell whether the workers belong to no group."""
        return not self.groups

    def count(self, state: WorkerState, step: int) -> None:
        """Count a worker in or out."""
        self.states[state] = self.states.get(state, 0) + step

    def move(self, before: WorkerState, state: WorkerState) -> None:
        """Count a worker whose state has changed."""
        states = self.states
        states[before] -= 1
        states[state] = states.get(state, 0) + 1

    def fits(self, demand: Demand) -> bool:
        """Tell whether these workers can serve the demand."""
        if not self.has_all(demand):
            return False
        return demand.groups is None or serves(self.groups, demand.groups)

    def fitting(self, demands: Iterable[Demand]) -> Iterator[Demand]:
        """Yield the demands that fit: a start asks of a million, so there is no call for each."""
        tokens, groups = self.tokens, self.groups
        for demand in demands:
            if (
                demand.caps <= tokens
                and demand.bars.isdisjoint(tokens)
                and (demand.groups is None or serves(groups, demand.groups))
            ):
                yield demand

    def has_all(self, demand: Demand) -> bool:
        """Tell whether these workers would serve the demand, were it not for groups."""
        return demand.caps <= self.tokens and demand.bars.isdisjoint(self.tokens)

    def announce(self) -> None:
        """Tell the demands that a less capable worker may be idle."""
        if self.front.lowest is not None:
            self.front.announce(demand.idle for demand in self.eligible)


class Match(NamedTuple):
    """Pair a waiting request (its key) with an idle worker (its key)."""

    request: int
    demand: Demand
    offer: Offer
    worker: WorkerKey


@dataclass(slots=True, eq=False)
class Hold:
    """Remember who holds a worker; times in microseconds. ``wanted`` is what it asked for.

    ``length`` is how many seconds the request named for its job, None when it named none.
    ``nameless`` tells that the farm knew no users, so that the owner's name says nothing.
    """

    request_id: int
    owner: str
    owner_name: str
    until: int
    granted: int = 0
    wanted: DemandKey | None = None
    nameless: bool = False
    length: float | None = None


@dataclass(slots=True, eq=False)
class Candidate:
    """Remember what matching needs of a registered worker.

    ``tokens`` are worked out from ``caps``, ``labels``, ``groups`` and ``fence``, which are kept
    to tell at a glance that a changed worker still offers the same: nearly every change is of its
    state.
    """

    uuid: str
    name: str
    caps: Mapping[str, str]
    labels: Mapping[str, str] | None
    groups: tuple[str, ...]
    fence: Fence
    tokens: tuple[Token, ...]
    state: WorkerState
    revision: int
    epoch: int
    key: WorkerKey
    offer: Offer
    idle: bool = False
    absent: bool = False
    reason: str | None = None
    noted_since: datetime | None = None
    """Since when the farm's records say that its agent is out of reach."""
    unreachable_since: datetime | None = None
    """Since when it is, by those records or because it has no link."""

    @property
    def available(self) -> bool:
        """Tell whether it is idle and can be reached."""
        return self.state is WorkerState.IDLE and self.unreachable_since is None

    def offers_the_same(self, worker: Worker) -> bool:
        """Tell whether it has nothing new to offer, as far as a glance tells."""
        return (
            self.caps is worker.caps
            and self.labels is worker.labels
            and self.name == worker.name
            and self.groups is worker.groups
            and self.fence is worker.fence
        )

    def would_serve(
        self,
        demand: Demand,
        groups: tuple[str, ...] | None,
        labels: Mapping[str, str] | None,
    ) -> bool:
        """Tell whether it would still serve a demand that it serves now, given other of these."""
        if groups is not None and not serves(groups, demand.groups):
            return False
        if labels is None:
            return True
        offered = matched(self.name, labels, self.caps)
        return all(_meets(offered, token) for token in demand.caps) and not any(
            _meets(offered, token) for token in demand.bars if token != UNFENCED
        )


def tokens_of(worker: Worker) -> tuple[Token, ...]:
    """Return all that a worker has, capabilities first."""
    tokens = (*worker.matched.items(), *((group,) for group in worker.groups))
    return (*tokens, UNFENCED) if worker.fence is Fence.NONE else tokens


def _meets(offered: Mapping[str, str], token: Token) -> bool:
    value = offered.get(token[0])
    return condition_of(token).holds(value) if len(token) == 3 else value == token[1]
