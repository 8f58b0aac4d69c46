"""What was found out about a waiting request, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from boruta_farm.matching.misses import Misses
from boruta_farm.model.explanation import Absent, Cause, Forecast, Holder
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request
from boruta_farm.model.worker import WorkerState

STATES = {
    WorkerState.RUNNING: "running",
    WorkerState.IDLE: "idle",
    WorkerState.PREPARE: "being prepared",
    WorkerState.BUSY: "going into maintenance",
    WorkerState.MAINTENANCE: "in maintenance",
    WorkerState.FAILED: "failed",
}

NAMED = 3
"""Boards and capabilities named in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Tell whose limit of jobs is reached."""

    kind: str
    name: str
    held: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Carry what there is to put into words."""

    request: Request
    counts: Mapping[WorkerState, int]
    holders: tuple[Holder, ...]
    absent: tuple[Absent, ...]
    position: int | None
    missed: Misses | None
    cause: Cause
    decided: str | None
    forecast: Forecast | None
    registered: int
    limit: Limit | None
    now: datetime


def line(found: Findings) -> str:
    """Say everything in one line."""
    if not found.counts:
        return _nothing_fits(found)
    parts = [_boards(found)]
    if found.request.valid_after > found.now:
        parts.append(f"not before {clock(found.request.valid_after, found.now)}")
    if found.limit is not None:
        parts.append(_limit(found.limit))
    if found.position is not None:
        place = f"position {found.position}"
        ordered = found.cause is Cause.QUEUE and found.decided is not None
        parts.append(f"{place} ({found.decided})" if ordered else place)
    if found.forecast is not None:
        parts.append(f"expected start {span(found.forecast, found.now)}")
    if found.missed is not None and found.missed.lacking:
        parts.append(_lacking(found.missed.lacking))
    return "; ".join(parts)


def changes(found: Findings) -> tuple[str, ...]:
    """Tell what would let the request start, or start sooner."""
    told = []
    if found.cause is Cause.LIMIT and found.limit is not None:
        told.append(f"a job of {found.limit.kind} {found.limit.name} ends")
    if found.cause is Cause.NOT_YET_VALID:
        told.append("an earlier ValidAfter")
    if found.cause is Cause.GROUPS:
        told.append("a board that matches serves one of the owner's groups")
    for worker in found.absent[:NAMED]:
        why = f": {worker.reason}" if worker.reason else ""
        told.append(f"{worker.name} returns to service ({_state(worker.state)}{why})")
    if found.missed is not None and found.cause not in (Cause.NOW, Cause.NOT_YET_VALID):
        for caps, count in sorted(found.missed.without.items(), key=lambda item: -item[1])[:NAMED]:
            more = "more " if found.counts else ""
            told.append(f"without {caps}: {_plural(count, f'{more}board')} would match")
    if not found.counts and not told and found.missed is not None:
        wanted = ", ".join(found.missed.wanted)
        told.append(f"a board with {wanted} is registered" if wanted else "a board is registered")
    return tuple(told)


def policy(policies: Policies) -> str:
    """Say in which order requests are served."""
    words = ["priority"]
    if policies.ageing is not None:
        words[0] = f"priority, one better for every {_duration(policies.ageing)} of waiting"
    if policies.fair_share in (FairShare.GROUPS, FairShare.BOTH):
        words.append("least recent use by the owner's groups")
    if policies.fair_share in (FairShare.OWNERS, FairShare.BOTH):
        words.append("least recent use by the owner")
    return ", then ".join([*words, "order of filing"])


def span(forecast: Forecast, now: datetime) -> str:
    """Write a range of times, to the minute."""
    early, late = clock(forecast.earliest, now), clock(forecast.latest, now)
    if forecast.earliest <= now and forecast.latest - now < timedelta(minutes=1):
        return "within a minute"
    if early == late:
        return f"at {early}"
    return f"between {'now' if forecast.earliest <= now else early} and {late}"


def clock(when: datetime, now: datetime) -> str:
    """Write a time, with its day where that is another."""
    when = when.astimezone(UTC)
    time = f"{when.hour:02}:{when.minute:02} UTC"
    return time if when.date() == now.astimezone(UTC).date() else f"{when.date()} {time}"


def _boards(found: Findings) -> str:
    total = sum(found.counts.values())
    told = []
    for state, count in found.counts.items():
        words = f"{count} {STATES[state]}"
        if state is WorkerState.RUNNING and found.holders:
            first = found.holders[0]
            when = "until" if count == 1 else "- the first until"
            held = f", held by {first.owner}" if first.owner is not None else ""
            words += f" {when} {clock(first.until, found.now)} ({first.name}{held})"
        reasons = [
            f"{worker.name}: {worker.reason}"
            for worker in found.absent
            if worker.state == state.value and worker.reason
        ]
        if reasons:
            words += f" ({', '.join(reasons[:NAMED])})"
        told.append(words)
    return f"{total} board{'s match' if total > 1 else ' matches'}: {', '.join(told)}"


def _nothing_fits(found: Findings) -> str:
    missed = found.missed
    if missed is None or not (found.registered or missed.wanted):
        return "no board is registered"
    if found.cause is Cause.GROUPS:
        groups = ", ".join(sorted(found.request.owner_groups or ())) or "none"
        others = missed.other_groups
        boards = "1 board has" if others == 1 else f"{others} boards have"
        return f"{boards} what is asked for, but none serves the owner's groups ({groups})"
    if missed.unknown:
        text = f"no registered board has {' or '.join(missed.unknown)}"
    else:
        text = f"no registered board has all of {', '.join(missed.lacking)}"
        text = f"{text}: {_lacking(missed.lacking)}"
    nearest = (f"nearest miss: {missed.nearest}",) if missed.nearest else ()
    return "; ".join((text, *missed.guesses, *nearest))


def _lacking(lacking: Mapping[str, int]) -> str:
    most = sorted(lacking.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{count} {'lacks' if count == 1 else 'lack'} {caps}" for caps, count in most[:NAMED]]
    return ", ".join(told)


def _limit(limit: Limit) -> str:
    return (
        f"{limit.kind} {limit.name} has {limit.held} of {_plural(limit.limit, 'job')} "
        "allowed at once"
    )


def _state(state: str) -> str:
    return STATES[WorkerState(state)]


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _duration(value: timedelta) -> str:
    hours = value / timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{value / timedelta(minutes=1):g} min"
