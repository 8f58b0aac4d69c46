"""Boards that fail and recover again and again."""

from dataclasses import replace
from datetime import datetime

from boruta_farm.core.transitions import move_worker
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.words.durations import duration


def recover(worker: Worker, settings: FarmSettings, now: datetime) -> Worker:
    """Return a FAILED worker on its way to IDLE, or to MAINTENANCE when it flaps.

    It flaps when it has recovered ``flap_recoveries`` times within ``flap_within`` and failed
    again. Only recoveries that reached IDLE count, see ``take_back``. What was borrowed out of
    MAINTENANCE goes back there.
    """
    if worker.borrowed_from is not None:
        return replace(move_worker(worker, WorkerState.BUSY, now, worker.reason), idle_again=False)
    recent = tuple(at for at in worker.recoveries if at > now - settings.flap_within)
    if settings.flap_recoveries and len(recent) >= settings.flap_recoveries:
        times = "once" if len(recent) == 1 else f"{len(recent)} times"
        reason = (
            f"put aside: recovered {times} within {duration(settings.flap_within)} and failed again"
        )
        last = f" ({worker.reason})" if worker.reason else ""
        aside = move_worker(worker, WorkerState.BUSY, now, reason + last)
        return replace(aside, idle_again=False, recoveries=recent)
    return replace(move_worker(worker, WorkerState.PREPARE, now), recoveries=(*recent, now))


def take_back(worker: Worker) -> Worker:
    """Return a worker that fails now, without a recovery that did not even reach IDLE.

    A board that fails at every preparation is tried less and less often instead.
    """
    began = worker.recoveries[-1:]
    if worker.state is WorkerState.PREPARE and began == (worker.since,):
        return replace(worker, recoveries=worker.recoveries[:-1])
    return worker
