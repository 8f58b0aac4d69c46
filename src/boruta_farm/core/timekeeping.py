"""The farm's time set anew: what counts from its old reading moves along, what was named stays."""

from dataclasses import replace
from datetime import datetime, timedelta

from boruta_farm.core.auditing import FARM
from boruta_farm.core.plan import ClockStepped, Noted, Plan, RequestSaved, Step, WorkerSaved
from boruta_farm.core.world import World
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker


def step_clock(
    world: World, by: timedelta, anchor: str, reason: str, now: datetime, caller: Caller | None
) -> Plan[int]:
    """Set the farm's time forward or back; return how many jobs keep their remaining time.

    Running jobs end as many seconds from now as before. Whatever else counts how long something
    lasts moves along: states of boards, recoveries, orphaned requests. Deadlines, valid-afters and
    the lives of tokens are moments on people's clocks and stay. ``anchor`` is what a later start
    finds the time by; ``caller`` is who gave the word, None for the farm itself.
    """
    steps: list[Step] = [ClockStepped(by=by, anchor=anchor, reason=reason)]
    jobs = 0
    for worker in world.registered():
        steps.append(WorkerSaved(worker=_moved(worker, by), kind=EventKind.WORKER_DESCRIBED))
        holder = world.holder(worker.uuid)
        if holder is not None and holder.live_job is not None:
            jobs += 1
            held = replace(
                holder, job=_job_moved(holder.live_job, by), revision=holder.revision + 1
            )
            steps.append(RequestSaved(request=held, kind=EventKind.REQUEST_UPDATED))
    for request in world.orphaned():
        if request.live_job is None:
            waiting = _orphan_moved(request, by)
            steps.append(RequestSaved(request=waiting, kind=EventKind.REQUEST_UPDATED))
    detail = {"by": f"{by.total_seconds():+z.3f} s", "from": now.isoformat(timespec="seconds")}
    detail |= {"to": (now + by).isoformat(timespec="seconds"), "jobs": str(jobs), "reason": reason}
    note = Note(
        actor=FARM if caller is None else caller.name,
        source="" if caller is None else caller.source,
        action=Action.CLOCK_STEPPED,
        subject="clock",
        detail=detail,
    )
    return Plan(answer=jobs, steps=(*steps, Noted(note=note)))


def _job_moved(job: Job, by: timedelta) -> Job:
    return replace(
        job,
        granted=job.granted + by,
        timeout=job.timeout + by,
        limit=job.limit + by,
        wanted_timeout=_later(job.wanted_timeout, by),
        keep_alive_until=_later(job.keep_alive_until, by),
    )


def _moved(worker: Worker, by: timedelta) -> Worker:
    return replace(
        worker,
        since=worker.since + by,
        unreachable_since=_later(worker.unreachable_since, by),
        recoveries=tuple(moment + by for moment in worker.recoveries),
        revision=worker.revision + 1,
    )


def _orphan_moved(request: Request, by: timedelta) -> Request:
    return replace(
        request,
        orphaned_since=_later(request.orphaned_since, by),
        revision=request.revision + 1,
    )


def _later(moment: datetime | None, by: timedelta) -> datetime | None:
    return None if moment is None else moment + by
