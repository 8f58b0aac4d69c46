"""Who stands before a waiting request, by which rule, and when its turn may come."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from boruta_farm.matching.classes import Candidate, Demand, Offer
from boruta_farm.matching.forecast import Lengths, lengths, remaining, turn
from boruta_farm.matching.learning import Memory, demand_name
from boruta_farm.matching.market import Market
from boruta_farm.matching.policies.order import Order
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import WorkerState

SAMPLED, BRIEF_SAMPLED = 32, 8
"""Running jobs looked at for the expected start; each then stands for its share of all."""

SHARED_SAMPLED = 8
"""Offers asked whether a rival can go there too."""

MOST_SORTED = 200
"""Absent workers sorted to name the first."""

CLEANING = 60.0
"""Seconds after a job within which its board serves the next one."""

_SECOND = 1_000_000


@dataclass(slots=True, eq=False)
class Contest:
    """Tell who competes with a request and stands before it.

    ``before`` are rival demands with how many of their requests come first; ``first`` is the
    number of the very first with its shares, None when nobody stands before.
    """

    before: list[tuple[Demand, int]]
    first: int | None

    @property
    def position(self) -> int:
        """Return the place, counted from 1."""
        return 1 + sum(count for _, count in self.before)


def queue_of(market: Market, demand: Demand, key: int, most: int | None = None) -> Contest | None:
    """Return who stands before ``key`` (with shares); None when rivals are more than ``most``."""
    rivals = market.rivals(demand)
    if most is not None and len(rivals) > most:
        return None
    found: list[tuple[Demand, int]] = []
    head: int | None = None
    for rival in rivals:
        shift = rival.shift
        count = 0
        for keys in (rival.front, rival.held):
            first = keys.lowest
            if first is not None and first + shift < key:
                count += keys.rank(key - shift)
                if head is None or first + shift < head:
                    head = first + shift
        if count:
            found.append((rival, count))
    return Contest(found, head)


def deciding(order: Order, key: int, first: int | None) -> str | None:
    """Name the rule by which the first in line comes before; None when nobody does."""
    if first is None:
        return None
    own, other = order.place(key), order.place(first)
    if own.level != other.level:
        return "ageing" if order.ages else "priority"
    if own.group_share != other.group_share:
        return "fair share between groups"
    if own.owner_share != other.owner_share:
        return "fair share between owners"
    return "order of filing"


def starts_at_once(demand: Demand, queue: Contest) -> bool:
    """Tell whether nothing keeps a request from an idle board."""
    return (
        not queue.before
        and any(offer.front for offer in demand.eligible)
        and (demand.party is None or demand.party.full is None)
    )


def expected(
    request: Request,
    demand: Demand,
    queue: Contest,
    supply: "Supply",
    memory: Memory,
    settings: FarmSettings,
    now: int,
) -> tuple[float, float] | None:
    """Return in how many seconds a request starts, at best and at worst.

    None when nothing that could serve it is in service.
    """
    longest = settings.job_timeout.total_seconds()
    boards = supply.boards
    if not boards:
        return None
    quick = slow = certain = possible = 0.0
    mine = tuple(islice(demand.eligible, SHARED_SAMPLED))
    for rival, count in queue.before:
        own = request if rival is demand and request.id else None
        kind = _lengths(rival, memory, longest, queue.position / boards, own)
        quick += count * kind.low
        slow += count * kind.high
        possible += count
        certain += count * _bound_here(rival, demand, mine)
    each = Lengths(low=0.0, mean=0.0, high=longest)
    if possible:
        each = Lengths(low=quick / possible, mean=0.0, high=slow / possible)
    if demand.party is not None and (full := demand.party.full) is not None:
        ends = [(start + length - now) / _SECOND for start, length in full.jobs.values()]
        own_turn = max(0.0, min(ends, default=0.0)) + CLEANING
    else:
        own_turn = 0.0
    return (
        turn(supply.early, each.low, certain),
        max(own_turn, turn(supply.late, each.high + CLEANING, possible)),
    )


def _lengths(
    rival: Demand, memory: Memory, longest: float, jobs: float, own: Request | None
) -> Lengths:
    """Return how long a rival's jobs last, of so many in a row; some may name their length.

    ``own`` is the request asked about, where it is one of the rival's: it is not before itself.
    """
    owner = rival.key.owner or ""
    seen = memory.lengths(demand_name(rival.key), owner)
    kind = lengths(seen, longest)
    if seen:
        kind = kind.averaged(jobs)
    waiting, named, seconds = rival.waiting, rival.named, rival.named_time / _SECOND
    if own is not None:
        waiting -= 1
        if own.length is not None:
            named -= 1
            seconds -= own.length.total_seconds()
    if named <= 0:
        return kind
    length = seconds / named
    used = memory.named_lengths(owner, length)
    asked = lengths(used, length)
    return kind.mixed(asked.averaged(jobs) if used else asked, named / max(named, waiting))


def _bound_here(rival: Demand, demand: Demand, mine: tuple[Offer, ...]) -> float:
    """Return which share of the rival's boards are ours too: the rest it may use as well."""
    if rival is demand:
        return 1.0
    shared = sum(offer in rival.eligible for offer in mine) / max(1, len(mine))
    return min(1.0, shared * len(demand.eligible) / max(1, len(rival.eligible)))


Free = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """Tell when the boards of a demand become free: in how many seconds, and how many boards.

    ``early`` is at best, ``late`` at worst; ``boards`` is how many there are in service.
    """

    early: Free
    late: Free
    boards: float


def supply_of(
    market: Market, demand: Demand, memory: Memory, settings: FarmSettings, now: int, most: int
) -> Supply:
    """Return when boards become free, by ``most`` of the running jobs."""
    early: Free = []
    late: Free = []
    idle = preparing = 0
    held: list[Offer] = []
    running = 0
    for offer in demand.eligible:
        idle += len(offer.front)
        preparing += offer.states.get(WorkerState.PREPARE, 0)
        if offer.holders:
            held.append(offer)
            running += len(offer.holders)
    if idle:
        early.append((0.0, idle))
        late.append((0.0, idle))
    if preparing:
        early.append((0.0, preparing))
        late.append((settings.prepare_timeout.total_seconds(), preparing))
    sampled = list(_sample(held, running, most))
    for _, uuid in sampled:
        hold = market.holds[uuid]
        weight = running / len(sampled)
        name = "" if hold.wanted is None else demand_name(hold.wanted)
        if hold.length is None:
            seen = memory.lengths(name, hold.owner)
        else:
            seen = memory.named_lengths(hold.owner, hold.length)
        soon, at_last = remaining(
            seen, (now - hold.granted) / _SECOND, (hold.until - now) / _SECOND
        )
        early.append((soon, weight))
        late.append((at_last + CLEANING, weight))
    return Supply(early, late, sum(weight for _, weight in early))


def _sample(offers: list[Offer], total: int, most: int) -> Iterator[tuple[int, str]]:
    """Yield some of the holders, evenly spread over their ends and offers."""
    if total <= most:
        for offer in offers:
            yield from offer.holders
        return
    step = total / most
    wanted = step / 2
    passed = 0
    for offer in offers:
        while wanted < passed + len(offer.holders):
            found = offer.holders.at(int(wanted - passed))
            assert found is not None, "the index lies within"
            yield found
            wanted += step
        passed += len(offer.holders)


def absent(demand: Demand, most: int) -> list[Candidate]:
    """Return some workers that would serve the demand but serve nobody at present."""
    found = (worker for offer in demand.eligible for worker in offer.absent.values())
    return sorted(islice(found, MOST_SORTED), key=lambda worker: worker.name)[:most]
