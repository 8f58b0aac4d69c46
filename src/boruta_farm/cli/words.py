"""Sentences about requests and workers."""

from collections.abc import Mapping
from datetime import datetime

from boruta_farm.cli.durations import format_moment
from boruta_farm.contracts import Explanation, Holder
from boruta_farm.model.explanation import Cause
from boruta_farm.model.request import Request
from boruta_farm.model.worker import UUID_CAPABILITY, Worker, WorkerState


def waiting_line(request: Request, explanation: Explanation, now: datetime) -> str:
    """Tell in one line where a request stands and what it waits for."""
    if explanation.cause is Cause.STARTING:
        return f"waiting: {explanation.text}"
    parts = []
    if explanation.position is not None:
        parts.append(f"position {explanation.position}")
    # The server's clock may be a little ahead of ours: "from now on" is no wait.
    if request.valid_after > max(now, request.created):
        parts.append(f"not before {format_moment(request.valid_after, now)}")
    if explanation.holders:
        parts.append(_held(explanation.holders, now))
    elif not explanation.matching:
        parts.append(f"no registered worker has {wanted_text(request)}")
    else:
        parts.append(_matching(explanation.matching))
    return f"waiting: {', '.join(parts)}"


def _held(holders: tuple[Holder, ...], now: datetime) -> str:
    first = holders[0]
    owner = first.owner or f"request {first.request_id}"
    more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
    return f"{first.name} held by {owner} until {format_moment(first.until, now)}{more}"


def _matching(matching: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(matching.items()))
    return f"matching workers: {counts}"


def caps_text(caps: Mapping[str, str]) -> str:
    """Write capabilities as they are given to ``-c``, the UUID left out."""
    shown = sorted(item for item in caps.items() if item[0] != UUID_CAPABILITY)
    return " ".join(f"{name}={value}" for name, value in shown)


def wanted_text(request: Request) -> str:
    """Write what a request wants, the UUID included."""
    exact = " ".join(f"{name}={value}" for name, value in sorted(request.required.items()))
    return ", ".join(filter(None, (exact, request.selector))) or "any board"


def worker_state_text(worker: Worker) -> str:
    """Write a worker's state with what else is to be known of it."""
    notes = []
    if worker.unreachable_since is not None:
        notes.append("unreachable")
    if worker.after_job and worker.state is WorkerState.RUNNING:
        notes.append("then MAINTENANCE")
    return f"{worker.state} ({', '.join(notes)})" if notes else str(worker.state)


def count(number: int, thing: str) -> str:
    """Write a number of things."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
