"""Requests in words."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from boruta_farm.model.listing import Removed
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import NAME_CAPABILITY, UUID_CAPABILITY
from boruta_farm.words.counts import count
from boruta_farm.words.times import Times

NO_NAMES: Mapping[str, str] = MappingProxyType({})
SHORT_COMMIT = 10
SOON = timedelta(days=1)
"""A deadline is told beside a waiting request from so long before on; the default is a month."""


def wanted_text(request: Request, names: Mapping[str, str] = NO_NAMES) -> str:
    """Write what a request wants; a board that it names by its UUID, by that of ``names``."""
    pairs = [
        (NAME_CAPABILITY, names[value])
        if name == UUID_CAPABILITY and value in names
        else (name, value)
        for name, value in sorted(request.required.items())
    ]
    exact = " ".join(f"{name}={value}" for name, value in pairs)
    return ", ".join(filter(None, (exact, request.selector))) or "any board"


def note(request: Request, times: Times) -> str:
    """Say what is to be known of a request beside its state: why it ended, what it waits for."""
    if request.state is not RequestState.WAITING:
        return request.reason or ""
    notes = []
    if request.readying is not None:
        notes.append(f"its board is made ready: {request.readying.progress}")
    if request.valid_after > times.now:
        notes.append(f"not before {times.moment(request.valid_after)}")
    if request.orphaned_since is not None:
        notes.append(f"no registered board fits since {times.moment(request.orphaned_since)}")
    if request.deadline - times.now < SOON:
        notes.append(f"gives up at {times.moment(request.deadline)}")
    return ", ".join(notes)


def origin(request: Request) -> str:
    """Say where a request comes from, as far as it tells: its pipeline, else what else it names."""
    told = request.context or {}
    first = told.get("pipeline") or next(iter(told.values()), "")
    commit = told.get("commit", "")
    return f"{first} ({commit[:SHORT_COMMIT]})" if commit and commit != first else first


def removed_words(removed: Removed) -> str:
    """Say what of the history is not kept any more, nothing where all is."""
    if not removed.count:
        return ""
    return (
        f"{count(removed.count, 'finished request')}, the newest of them {removed.up_to}, "
        f"{'is' if removed.count == 1 else 'are'} not kept any more (history_keep, "
        "history_requests); the audit tells of them"
    )
