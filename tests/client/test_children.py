"""Programs are ended without their status being lost to whoever waits for it."""

import asyncio
import os
import signal
import subprocess
from asyncio.subprocess import PIPE, Process

import pytest

from boruta_farm.client import children


async def started(line: str, **more: int | tuple[int, ...]) -> Process:
    return await asyncio.create_subprocess_exec("sh", "-c", line, **more)  # type: ignore[arg-type]  # descriptors


def test_the_status_of_one_that_has_just_ended_is_left_to_who_waits_for_it() -> None:
    """By Ctrl-C the terminal ends it and us at once."""
    process = subprocess.Popen(["sh", "-c", "exit 7"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    children.send(process.pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1]) == 7
    children.send(process.pid, signal.SIGTERM)
    process.returncode = 7


async def test_what_is_not_there_any_more_is_sent_nothing() -> None:
    process = await started("exit 3")
    assert await process.wait() == 3
    children.send(process.pid, signal.SIGTERM)
    await children.end(process)
    assert process.returncode == 3


async def test_one_that_does_not_listen_is_killed_while_it_prints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "ENDS_WITHIN", 0.2)
    process = await started("trap '' TERM; echo on; while :; do echo more; done", stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"on\n"
    await children.end(process)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("deaf", ["", "trap '' TERM; "])
async def test_a_shell_is_ended_with_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, deaf: str
) -> None:
    if deaf:
        monkeypatch.setattr(children, "ENDS_WITHIN", 0.2)
    line = f"{deaf}(echo on; exec sleep 600) & sh -c 'sh -c \"echo on; exec sleep 601\"; :' & wait"
    mine, theirs = os.pipe()
    process = await started(line, stdout=PIPE, pass_fds=(theirs,))
    os.close(theirs)
    assert process.stdout is not None
    assert [await process.stdout.readline() for _ in range(2)] == [b"on\n", b"on\n"]
    async with asyncio.timeout(60):
        await children.end_family(process)
        # Nobody holds the other end any more.
        assert await asyncio.to_thread(os.read, mine, 1) == b""
    os.close(mine)
    assert process.returncode == -(signal.SIGKILL if deaf else signal.SIGTERM)
