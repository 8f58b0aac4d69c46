"""Finding and ending processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from boruta_farm.dryad.drivers.sandbox_mark import MARK, find_session
from boruta_farm.dryad.proc import descendants
from boruta_farm.dryad.proc.descendants import end_processes, find_descendants, send_signal
from boruta_farm.dryad.proc.processes import (
    Process,
    describe_process,
    find_below,
    read_process,
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Return a running, marked process."""
    with subprocess.Popen(["sleep", "1000"], env={MARK: "of-this-test"}) as process:
        yield process
        process.kill()


def node(pid: int, parent: int) -> Process:
    return Process(pid=pid, parent=parent, started=0)


def test_find_below_finds_all_generations() -> None:
    world = {n.pid: n for n in (node(2, 1), node(3, 2), node(4, 3), node(5, 1), node(6, 5))}
    assert {p.pid for p in find_below([2], world)} == {3, 4}
    assert {p.pid for p in find_below([2, 5], world)} == {3, 4, 6}


def test_find_below_bears_circles() -> None:
    world = {n.pid: n for n in (node(2, 3), node(3, 2))}
    assert {p.pid for p in find_below([2], world)} == {3}


def test_find_descendants(sleeper: subprocess.Popen[bytes]) -> None:
    assert sleeper.pid in {p.pid for p in find_descendants(os.getpid())}


def test_find_session_by_the_whole_mark(sleeper: subprocess.Popen[bytes]) -> None:
    assert [p.pid for p in find_session("of-this-test")] == [sleeper.pid]
    assert list(find_session("of-this")) == []
    assert list(find_session("of-this-test", leave=[sleeper.pid])) == []


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert read_process(process.pid) is None
    process.wait()


def test_a_process_without_its_first_thread_is_alive() -> None:
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=lambda: (print(flush=True), time.sleep(1000))).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = read_process(process.pid)
        assert found is not None
        assert end_processes(lambda: [p for p in [read_process(process.pid)] if p], 10) == []


def test_describe_process(sleeper: subprocess.Popen[bytes]) -> None:
    found = read_process(sleeper.pid)
    assert found is not None
    assert describe_process(found) == f"sleep 1000 (pid {sleeper.pid})"


def test_a_pid_used_again_is_not_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    found = read_process(sleeper.pid)
    assert found is not None
    other = Process(pid=found.pid, parent=found.parent, started=found.started - 1)
    assert not send_signal(other, signal.SIGKILL)
    assert read_process(sleeper.pid) == found


def test_end_processes_kills_the_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.send_signal(signal.SIGSTOP)
    assert end_processes(lambda: find_session("of-this-test"), 10) == []
    assert sleeper.wait() == -signal.SIGKILL


def test_end_processes_names_those_it_may_not_signal(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(process: Process, number: int) -> bool:
        raise PermissionError

    monkeypatch.setattr(descendants, "send_signal", deny)
    survivors = end_processes(lambda: find_session("of-this-test"), 10)
    assert [p.pid for p in survivors] == [sleeper.pid]
