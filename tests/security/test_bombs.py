"""A fork bomb that leaves no process id: ending it takes none.

The bomb is bounded twice: by a control group of its own and by RLIMIT_NPROC of a throw-away uid.
"""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.processes import Processes
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.dryad.uids import UidRange

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("plays another user, which takes root", allow_module_level=True)

UIDS = UidRange(first=71_900, last=71_909)
BOMBER = 71_904
SESSION = Session(name="boruta-nobody", uids=UIDS, home=Path("/home/boruta-nobody"))
MOST = 40
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
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            folder.rmdir()
        except OSError:
            os.sched_yield()
        else:
            return


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
            signal.sigtimedwait([signal.SIGUSR1], 0.01)


def end_from_inside(group: Path) -> int:
    """Be the agent, in the bomb's own group: return 0 when all was ended."""
    (group / "cgroup.procs").write_text("0")
    read, write = os.pipe2(os.O_NONBLOCK)
    first = os.fork()
    if first == 0:
        bomb(write)
    os.set_blocking(read, True)
    os.read(read, 1)
    try:
        os.kill(os.fork() or os._exit(0), 0)
    except BlockingIOError:
        no_room = True
    else:
        no_room = False
    found = Processes(limit=10.0).end(SESSION)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    left = list(find_owned(UIDS))
    return 0 if no_room and found and not left else 10 + no_room * 4 + bool(found) * 2 + bool(left)


def test_a_bomb_is_ended_where_no_process_can_be_made(group: Path) -> None:
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = end_from_inside(group)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(find_owned(UIDS)) == []
