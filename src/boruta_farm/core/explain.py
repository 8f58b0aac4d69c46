"""Why a request waits: its place in the queue and what has become of the boards it could use."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice

from boruta_farm.core.classes import Demand
from boruta_farm.core.demands import token_text
from boruta_farm.core.market import Market
from boruta_farm.core.moments import moment
from boruta_farm.core.policies.order import Order
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import WorkerState

HOLDERS_SHOWN = 10

_STATES_IN_WORDS = {
    WorkerState.RUNNING: "running",
    WorkerState.IDLE: "idle",
    WorkerState.PREPARE: "being prepared",
    WorkerState.BUSY: "going into maintenance",
    WorkerState.MAINTENANCE: "in maintenance",
    WorkerState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Name one who holds a worker that the request could use."""

    worker: str
    name: str
    request_id: int
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Tell why a request waits.

    ``position`` counts from 1 among waiting, valid requests that compete for a registered
    worker; None when the request does not wait. ``matching`` counts registered workers by
    state. ``holders`` are at most ten, the earliest end first.
    """

    request_id: int
    state: str
    position: int | None
    matching: Mapping[str, int]
    holders: tuple[Holding, ...]
    text: str


def explain(market: Market, order: Order, request: Request, now: datetime) -> Finding:
    """Find out why a request waits; costs grow with the demands that compete, not with requests."""
    demand = market.demand(request)
    counts: Counter[WorkerState] = Counter()
    for offer in demand.eligible:
        counts.update(offer.states)
    matching = {state: counts[state] for state in _STATES_IN_WORDS if counts[state] > 0}
    holders = tuple(islice(_holders(market, demand), HOLDERS_SHOWN))
    position = None
    if request.state is RequestState.WAITING:
        position = _position(demand, order.key(request) + demand.shift)
    return Finding(
        request_id=request.id,
        state=request.state.value,
        position=position,
        matching={state.value: count for state, count in matching.items()},
        holders=holders,
        text=_text(market, demand, request, position, matching, holders, now),
    )


def _position(demand: Demand, key: int) -> int:
    rivals = {demand}.union(*(offer.eligible for offer in demand.eligible))
    return 1 + sum(
        rival.front.keys.rank(key - rival.shift) + rival.held.rank(key - rival.shift)
        for rival in rivals
    )


def _holders(market: Market, demand: Demand) -> Iterator[Holding]:
    for until, uuid in merge(*(offer.holders for offer in demand.eligible)):
        hold, worker = market.holds[uuid], market.workers[uuid]
        if worker.state is WorkerState.RUNNING:
            yield Holding(
                worker=uuid,
                name=worker.name,
                request_id=hold.request_id,
                owner=hold.owner,
                until=moment(until),
            )


def _text(
    market: Market,
    demand: Demand,
    request: Request,
    position: int | None,
    matching: Mapping[WorkerState, int],
    holders: tuple[Holding, ...],
    now: datetime,
) -> str:
    job = request.live_job
    if position is None or job is not None:
        return _text_of_granted(market, request, position, now)
    parts = [_boards(matching, holders, now) if matching else _nothing_fits(market, demand)]
    if request.valid_after > now:
        parts.append(f"not before {_clock(request.valid_after, now)}")
    parts.append(f"position {position}")
    return "; ".join(parts) if matching else parts[0]


def _text_of_granted(market: Market, request: Request, position: int | None, now: datetime) -> str:
    job = request.live_job
    if job is None:
        reason = f": {request.reason}" if request.reason else ""
        return f"the request is {request.state.value}{reason}"
    worker = market.workers.get(job.worker)
    name = job.worker if worker is None else worker.name
    if position is not None:
        return f"{name} is being opened for this request"
    return f"the request has {name} until {_clock(job.timeout, now)}"


def _boards(
    matching: Mapping[WorkerState, int], holders: tuple[Holding, ...], now: datetime
) -> str:
    total = sum(matching.values())
    told = []
    for state, count in matching.items():
        words = f"{count} {_STATES_IN_WORDS[state]}"
        if state is WorkerState.RUNNING and holders:
            first = holders[0]
            when = "until" if count == 1 else "- the first until"
            words += f" {when} {_clock(first.until, now)} ({first.name}, held by {first.owner})"
        told.append(words)
    return f"{total} board{'s match' if total > 1 else ' matches'}: {', '.join(told)}"


def _nothing_fits(market: Market, demand: Demand) -> str:
    wanted = sorted(demand.caps)
    missing = [token for token in wanted if token not in market.bearers]
    if missing:
        return f"no registered board has {' or '.join(map(token_text, missing))}"
    others = sum(
        offer.registered
        for offer in market.offers()
        if demand.caps <= offer.tokens and demand.bars.isdisjoint(offer.tokens)
    )
    if others:
        groups = ", ".join(sorted(demand.groups or ())) or "none"
        boards = "1 board has" if others == 1 else f"{others} boards have"
        return f"{boards} what is asked for, but none serves the owner's groups ({groups})"
    if not market.workers:
        return "no board is registered"
    told = [
        *map(token_text, wanted),
        *(f"not {token_text(token)}" for token in sorted(demand.bars)),
    ]
    return f"no registered board has all of {', '.join(told)}"


def _clock(when: datetime, now: datetime) -> str:
    when = when.astimezone(UTC)
    same_day = when.date() == now.astimezone(UTC).date()
    return f"{when:%H:%M} UTC" if same_day else f"{when:%Y-%m-%d %H:%M} UTC"
