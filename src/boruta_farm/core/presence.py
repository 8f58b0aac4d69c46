"""Agents out of reach, and back."""

from dataclasses import replace
from datetime import datetime

from boruta_farm.core.plan import Plan, WorkerSaved
from boruta_farm.core.workers import fail
from boruta_farm.core.world import World
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.worker import WorkerState
from boruta_farm.words.worker import OUT_OF_REACH

WAITING_FOR_AGENT = frozenset({WorkerState.IDLE, WorkerState.PREPARE, WorkerState.BUSY})


def lost(world: World, uuid: str, now: datetime) -> Plan[None]:
    """Note that an agent is out of reach; a running job goes on until its end (I5).

    A request whose board is still being made ready waits on for another board.
    """
    worker = world.worker(uuid)
    if worker is None or worker.unreachable_since is not None:
        return Plan(answer=None)
    gone = replace(worker, unreachable_since=now, revision=worker.revision + 1)
    note = WorkerSaved(worker=gone, kind=EventKind.WORKER_LOST)
    if worker.state not in WAITING_FOR_AGENT and not _is_readying(world, uuid):
        return Plan(answer=None, steps=(note,))
    _, steps = fail(world, gone, now, OUT_OF_REACH)
    return Plan(answer=None, steps=(note, *steps))


def _is_readying(world: World, uuid: str) -> bool:
    request = world.holder(uuid)
    job = None if request is None else request.live_job
    return job is not None and job.phase is JobPhase.READYING


def back(world: World, uuid: str) -> Plan[None]:
    """Note that a lost agent is in reach again."""
    worker = world.worker(uuid)
    if worker is None or worker.unreachable_since is None:
        return Plan(answer=None)
    here = replace(worker, unreachable_since=None, revision=worker.revision + 1)
    return Plan(answer=None, steps=(WorkerSaved(worker=here, kind=EventKind.WORKER_BACK),))
