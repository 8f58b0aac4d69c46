"""What becomes of boards when a farm is brought back from a backup."""

from datetime import datetime

from boruta_farm.core.plan import Plan, WorkerSaved
from boruta_farm.core.transitions import move_worker
from boruta_farm.core.workers import existing, fail
from boruta_farm.core.world import World
from boruta_farm.model.events import EventKind
from boruta_farm.model.worker import WorkerState


def start_over(world: World, uuid: str, now: datetime, reason: str) -> Plan[None]:
    """Take what a board is for unknown, since a backup was restored.

    Its job is over, its key thrown away, and it is lent again only when it has proved itself
    clean. What is set aside, or failed, stays so.
    """
    worker = existing(world, uuid)
    if worker.state not in (WorkerState.IDLE, WorkerState.RUNNING, WorkerState.PREPARE):
        return Plan(answer=None)
    broken, steps = fail(world, worker, now, reason)
    home = WorkerState.PREPARE if broken.borrowed_from is None else WorkerState.BUSY
    again = move_worker(broken, home, now, reason)
    return Plan(answer=None, steps=(*steps, WorkerSaved(worker=again, kind=EventKind.WORKER_STATE)))
