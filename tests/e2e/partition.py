"""Cut a board off from its server during a job; run inside a network namespace of its own."""

import asyncio
import os
import select
import sys
from datetime import UTC, datetime
from pathlib import Path

from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.e2e import stage
from tests.e2e.stage import Stage, ssh, talking
from tests.e2e.unreachable import FarYard, far_stage
from tests.namespaces import run

JOB = "25s"
LATEST = 5.0
"""Seconds after the job's end at which the user must be off the board, on a slow machine."""

MARK = "stays-behind"
"""The last argument of the planted process, by which it is found."""

PLANT = (
    "setsid sh -c 'echo planted; exec >/dev/null 2>&1 </dev/null; while :; do sleep 999; done'"
    f" {MARK} &"
)
"""It speaks when it runs, and ssh returns no sooner: only then can it be looked for."""


class ShortJobs(FarYard):
    """A farm whose jobs are short, and which misses its boards soon."""

    def __init__(self, folder: Path, port: int, namespace: int) -> None:
        super().__init__(folder, port, namespace)
        self._settings |= {"job_timeout": JOB, "lost_grace": "5s"}


async def main(folder: Path) -> None:
    """Lend, cut, wait for the end, join again, lend again."""
    stage.WITHIN = 120.0
    async with far_stage(folder, ShortJobs) as (one, inside):
        await play(one, inside)


async def play(one: Stage, inside: tuple[str, ...]) -> None:
    """Tell the story; every step is printed for the test that reads it."""
    request, access = await one.lend()
    job = request.job
    assert job is not None
    async with talking(access) as talk:
        assert await talk.says("hello") == "hello"
        assert "planted" in (await ssh(access, PLANT))[1]
        planted = find_planted()
        await run(*inside, "ip", "link", "set", "near0", "down")
        assert datetime.now(UTC) < job.timeout, "this machine is too slow for the test"
        watching = asyncio.create_task(one.until(WorkerState.FAILED))
        late = await ended(planted) - job.timeout.timestamp()
        print(f"off the board {late:+.2f} s from the job's end")
        assert late < LATEST
    worker = await watching
    print(f"worker: {worker.state}: {worker.reason}")
    over = await one.farm.requests.get_request_info(one.farm.caller, request.id)
    assert over.state is RequestState.DONE
    states = await joined_again(one, inside, job.epoch)
    print(f"after the partition: {' '.join(states)}")
    _, fresh = await one.lend()
    assert fresh.key != access.key
    print(f"lent again: {(await ssh(fresh, 'echo hello again'))[1].strip()}")


async def joined_again(one: Stage, inside: tuple[str, ...], epoch: int) -> list[str]:
    """Join the networks; return the states through which the worker goes until it is IDLE."""
    states: list[str] = []
    async with asyncio.timeout(stage.WITHIN), one.farm.watch(worker=None) as happenings:
        await run(*inside, "ip", "link", "set", "near0", "up")
        async for _ in happenings:
            worker = await one.worker()
            if states[-1:] != [worker.state.value]:
                states.append(worker.state.value)
            if worker.state is WorkerState.IDLE:
                assert worker.epoch > epoch
                return states
    raise AssertionError("the events ended")


def find_planted() -> int:
    """Open the planted process, seen from this namespace."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[-2:] == [MARK.encode(), b""]:
                return os.pidfd_open(int(entry.name))
    raise AssertionError("the planted process does not run")


async def ended(process: int) -> float:
    """Wait for a process's end; return the time then."""
    ready, _, _ = await asyncio.to_thread(select.select, [process], [], [], stage.WITHIN)
    now = datetime.now(UTC).timestamp()
    os.close(process)
    assert ready, "the user is still on the board"
    return now


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
