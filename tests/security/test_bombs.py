"""A fork bomb that leaves no process id: ending it takes none.

The bomb is bounded twice: by a control group of its own and by RLIMIT_NPROC of a throw-away uid.
"""

import asyncio
import contextlib
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.processes import Processes
from boruta_farm.dryad.health import HealthLimits, PassiveHealth
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.dryad.ready import ReadyLoop
from boruta_farm.dryad.uids import UidRange

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("plays another user, which takes root", allow_module_level=True)

UIDS = UidRange(first=71_900, last=71_909)
BOMBER = 71_904
SESSION = Session(name="boruta-nobody", uids=UIDS, home=Path("/home/boruta-nobody"))
MOST = 24
NOTHING_JUDGED = HealthLimits(disk_free=0, memory_free=0, temperature=0)
PLACES = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


@pytest.fixture
def group() -> Iterator[Path]:
    """Return a control group with few process ids."""
    for place in PLACES:
        folder = place / f"boruta-bomb-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            if not (folder / "pids.max").exists():
                folder.rmdir()
                continue
            (folder / "pids.max").write_text(str(MOST))
            break
    else:
        pytest.skip("no control group with a limit of process ids can be made here")
    yield folder
    defuse(folder)


def defuse(group: Path) -> None:
    """End all of a group: once none can fork any more, those that there are get the signal."""
    (group / "pids.max").write_text("0")
    ends = time.monotonic() + 30
    while pids := (group / "cgroup.procs").read_text().split():
        assert time.monotonic() < ends, f"{pids} of {group} do not end"
        with contextlib.suppress(ProcessLookupError):
            end(int(pids[0]))
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    group.rmdir()


def end(pid: int) -> None:
    """Kill a process, a child or not, and wait until it is gone."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        gone = select.poll()
        gone.register(handle, select.POLLIN)
        gone.poll(10_000)
    finally:
        os.close(handle)


def bomb(ready: int) -> None:
    """Fork until there is no room, and again whenever there is some."""
    resource.setrlimit(resource.RLIMIT_NPROC, (MOST * 2, MOST * 2))
    os.setgroups([])
    os.setresgid(BOMBER, BOMBER, BOMBER)
    os.setresuid(BOMBER, BOMBER, BOMBER)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            os.fork()
        except BlockingIOError:
            with contextlib.suppress(OSError):
                os.write(ready, b"f")
            signal.sigtimedwait([signal.SIGUSR1], 0.05)


def explode() -> bool:
    """Have a bomb take all process ids of this group; tell whether none is left."""
    read, write = os.pipe2(os.O_NONBLOCK)
    first = os.fork()
    if first == 0:
        bomb(write)
    os.set_blocking(read, True)
    os.read(read, 1)
    try:
        os.kill(os.fork() or os._exit(0), 0)
    except BlockingIOError:
        return True
    return False


def end_from_inside(group: Path) -> int:
    """Be the agent, in the bomb's own group: return 0 when all was ended."""
    (group / "cgroup.procs").write_text("0")
    no_room = explode()
    found = Processes(limit=10.0).end(SESSION)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    left = list(find_owned(UIDS))
    return 0 if no_room and found and not left else 10 + no_room * 4 + bool(found) * 2 + bool(left)


def look_from_inside(group: Path) -> int:
    """Be the agent, which looks after its board and finds its server while the bomb goes on."""
    (group / "cgroup.procs").write_text("0")

    async def look() -> bool:
        no_room = explode()
        loop = asyncio.get_running_loop()
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            health = PassiveHealth(NOTHING_JUDGED, (group,), lambda: f"127.0.0.1:{port}")
            await health.check(lent=True)
        return no_room and bool(await loop.getaddrinfo("localhost", 1))

    with asyncio.Runner(loop_factory=ReadyLoop) as runner:
        return 0 if runner.run(look()) else 1


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-board\r\n")
    writer.close()


@pytest.mark.parametrize("agent", [end_from_inside, look_from_inside])
@pytest.mark.prove
def test_a_bomb_keeps_the_agent_from_nothing_where_no_process_can_be_made(
    group: Path, agent: Callable[[Path], int]
) -> None:
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = agent(group)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    if agent is end_from_inside:
        assert list(find_owned(UIDS)) == []
