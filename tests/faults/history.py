"""What boards and borrowers saw of a farm in trouble, and whether any board was lent twice.

Two witnesses, neither of them the server: the log of the agent beside each board, and the sessions
of those who borrowed, which were answered by the board with the time of its own clock.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

LINE = re.compile(
    r"^(?P<at>\S+) \w+ +(?:\S+ )?epoch (?P<epoch>\d+): "
    r"(?:(?P<granted>granted$)|(?P<ended>session ended)|(?P<later>clean,|prepared for))"
)
"""The agent's lines that begin and end jobs."""

ROUNDED = 0.001
"""Seconds that the log cuts off a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Tell one job as the board's agent has logged it; ``ended`` is None while it lasts.

    ``over`` tells that the agent granted the next one without having ended this.
    """

    board: str
    epoch: int
    begun: float
    ended: float | None = None
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Tell that a board answered the session of a request at a time."""

    board: str
    epoch: int
    request: int
    at: float


def read_log(board: str, lines: Iterable[str]) -> tuple[Held, ...]:
    """Return the jobs that an agent has logged, in its order."""
    found: list[Held] = []
    for line in lines:
        told = LINE.match(line)
        if told is None:
            continue
        at, epoch = datetime.fromisoformat(told["at"]).timestamp(), int(told["epoch"])
        last = found[-1] if found and found[-1].ended is None else None
        if told["granted"]:
            if last is not None and last.epoch == epoch:
                # A grant that is told again says nothing new.
                continue
            if last is not None:
                found[-1] = replace(last, over=True, ended=at)
            found.append(Held(board=board, epoch=epoch, begun=at))
        elif last is not None and (last.epoch < epoch or (told["ended"] and last.epoch == epoch)):
            found[-1] = replace(last, ended=at + ROUNDED)
    return tuple(found)


def faults(held: Mapping[str, Sequence[Held]], used: Sequence[Used]) -> list[str]:
    """Return in words whatever shows that a board was lent twice, or used when it was not lent."""
    return [
        *(words for jobs in held.values() for words in _of_jobs(jobs)),
        *_of_owners(used),
        *_of_uses(held, used),
        *_of_turns(used),
    ]


def _of_jobs(jobs: Sequence[Held]) -> Iterator[str]:
    """Judge the board's own log: one job after the other, each of a later epoch."""
    for job, later in pairwise(jobs):
        if later.epoch <= job.epoch:
            yield f"{job.board}: epoch {later.epoch} was granted after epoch {job.epoch}"
        if job.over or job.ended is None or job.ended > later.begun + ROUNDED:
            yield f"{job.board}: epoch {later.epoch} was granted before epoch {job.epoch} ended"


def _of_owners(used: Sequence[Used]) -> Iterator[str]:
    """Judge whose sessions an epoch had: those of one request."""
    owners: dict[tuple[str, int], set[int]] = defaultdict(set)
    for use in used:
        owners[use.board, use.epoch].add(use.request)
    for (board, epoch), requests in owners.items():
        if len(requests) > 1:
            told = ", ".join(map(str, sorted(requests)))
            yield f"{board}: epoch {epoch} was lent to requests {told}"


def _of_uses(held: Mapping[str, Sequence[Held]], used: Sequence[Used]) -> Iterator[str]:
    """Judge each session by the board's log: it was answered within its job alone."""
    jobs = {(job.board, job.epoch): job for each in held.values() for job in each}
    for use in used:
        job = jobs.get((use.board, use.epoch))
        where = f"{use.board}: request {use.request} had a session in epoch {use.epoch}"
        if job is None:
            yield f"{where}, which the board knows nothing of"
        elif use.at < job.begun:
            yield f"{where} {job.begun - use.at:.3f} s before it was granted"
        elif job.ended is not None and use.at > job.ended:
            yield f"{where} {use.at - job.ended:.3f} s after it had ended"


def _of_turns(used: Sequence[Used]) -> Iterator[str]:
    """Judge sessions by each other, whatever logs say: who was followed comes back no more."""
    last: dict[str, int] = {}
    gone: dict[str, set[int]] = defaultdict(set)
    for use in sorted(used, key=lambda each: each.at):
        before = last.get(use.board)
        if before not in (None, use.request):
            gone[use.board].add(before or 0)
        if use.request in gone[use.board]:
            yield (
                f"{use.board}: request {use.request} was answered after request {before} had been"
            )
        last[use.board] = use.request
