"""Log every committed change as one line with its request, worker and epoch."""

import asyncio
import logging

from boruta_farm.model.account import Account, Group
from boruta_farm.model.events import Change, EventKind, Identity

logger = logging.getLogger("boruta_farm.chronicle")

QUIET = frozenset(
    {EventKind.REQUEST_CREATED, EventKind.REQUEST_UPDATED, EventKind.WORKER_REGISTERED}
)
"""Frequent and uneventful: logged at DEBUG only."""
ALARMING = frozenset({"FAILED", "INVALID"})


def follow(changes: tuple[Change, ...]) -> None:
    """Log a committed batch once everybody who waits for it was woken; a listener of the store."""
    if not logger.isEnabledFor(logging.DEBUG):
        # Most batches are of filed requests alone, and no round of the loop is for nothing.
        changes = tuple(change for change in changes if change.event.kind not in QUIET)
    if changes:
        asyncio.get_running_loop().call_soon(record, changes)


def record(changes: tuple[Change, ...]) -> None:
    """Log a committed batch."""
    for change in changes:
        event = change.event
        level = logging.DEBUG if event.kind in QUIET else logging.INFO
        if event.state in ALARMING:
            level = logging.WARNING
        if not logger.isEnabledFor(level):
            continue
        facts: dict[str, object] = {"state": event.state, "request": event.request_id}
        if change.worker is not None:
            facts |= {"worker": change.worker.name, "epoch": change.worker.epoch}
        elif change.request is not None and change.request.job is not None:
            job = change.request.job
            facts |= {"worker": job.worker, "epoch": job.epoch}
        if change.identity is not None:
            facts |= _named(change.identity)
        text = f"{event.kind}: {event.reason}" if event.reason else str(event.kind)
        logger.log(level, text, extra=facts)


def _named(identity: Identity) -> dict[str, object]:
    """Return whose account, which group or which token changed; never a secret of it."""
    if isinstance(identity, Account):
        return {"account": identity.name}
    if isinstance(identity, Group):
        return {"group": identity.name}
    return {"account": identity.account_name, "token": identity.id}
