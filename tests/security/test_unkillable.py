"""Threat: a session hangs in a file system of its own, so that no SIGKILL ends it.

The file system is mounted in namespaces of the user's own, which takes no rights and no program.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup import processes
from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.fuse import CONNECTIONS, abort_connections
from boruta_farm.dryad.cleanup.processes import Processes
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.dryad.uids import UidRange

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("plays another user, which takes root", allow_module_level=True)

FIRST = 3_000_000 + os.getpid() % 10_000 * 20
UIDS = UidRange(first=FIRST, last=FIRST + 9)
UID = FIRST + 3
SESSION = Session(name="boruta-nobody", uids=UIDS, home=Path("/home/boruta-nobody"))

NEW_NAMESPACES = 0x10000000 | 0x00020000
"""Of users, and of mounts."""

PLACE = "/mnt"
QUESTION = struct.Struct("<IIQQIIIHH")
LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
FOLDER, FILE = 1, 2
ENOSYS = 38


def attributes(node: int) -> bytes:
    kind, size = (0o040755, 0) if node == FOLDER else (0o100644, 4096)
    return struct.pack("<6Q10I", node, size, 8, *[0] * 6, kind, 1, 0, 0, 0, 4096, 0)


ANSWERS: dict[int, Callable[[int], bytes]] = {
    INIT: lambda _: struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 12, 9, 4096, 1, 1, 0, *[0] * 8),
    LOOKUP: lambda _: struct.pack("<4Q2I", FILE, 0, 60, 60, 0, 0) + attributes(FILE),
    GETATTR: lambda node: struct.pack("<Q2I", 60, 0, 0) + attributes(node),
    OPEN: lambda _: struct.pack("<Q2I", 0, 0, 0),
}
"""What the kernel is told, by its question: there is one file."""


def mount() -> int:
    """Mount it, as a user may in namespaces of his own; return where the kernel asks."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid = os.getuid()
    if libc.unshare(NEW_NAMESPACES):
        raise OSError(ctypes.get_errno(), "no namespaces")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"0 {uid} 1")
    if libc.mount(b"deaf", PLACE.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "no mount")
    return device


def serve(device: int, asked: threading.Event) -> None:
    """Answer everything but what the file says: that is taken note of, and left."""
    while True:
        question = os.read(device, 1 << 20)
        _, kind, number, node, *_ = QUESTION.unpack_from(question)
        if kind == READ:
            asked.set()
        elif kind in ANSWERS:
            answer = ANSWERS[kind](node)
            os.write(device, struct.pack("<IiQ", 16 + len(answer), 0, number) + answer)
        else:
            os.write(device, struct.pack("<IiQ", 16, -ENOSYS, number))


def hang(ready: int) -> None:
    """Be a session that waits for itself."""
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    # Who has changed its uid may not write its own maps until it is dumpable again.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    device = mount()
    asked = threading.Event()
    threading.Thread(target=serve, args=(device, asked), daemon=True).start()
    file = os.open(f"{PLACE}/file", os.O_RDONLY)
    threading.Thread(target=os.read, args=(file, 1), daemon=True).start()
    asked.wait()
    os.write(ready, b"r")
    signal.pause()


@pytest.fixture
def hung() -> Iterator[int]:
    """Return a session's process that no signal ends."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            hang(write)
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(1)
    os.close(write)
    try:
        said = os.read(read, 200)
        if said != b"r":
            os.waitpid(pid, 0)
            pytest.skip(f"no user can mount a file system of his own here: {said.decode()}")
        handle = os.pidfd_open(pid)
        try:
            yield pid
        finally:
            abort_connections(UIDS)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(handle)
    finally:
        os.close(read)


def test_who_waits_for_a_file_system_of_his_own_is_ended(hung: int) -> None:
    found = Processes(limit=10.0).end(SESSION)
    assert len(found) == 1
    assert unanswered() == 0
    assert os.waitstatus_to_exitcode(os.waitpid(hung, 0)[1]) == -signal.SIGKILL
    assert list(find_owned(UIDS)) == []


def test_a_file_system_goes_on_whose_owner_is_in_another_container(
    hung: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's list of connections knows no containers, and uids may be the same there."""
    monkeypatch.setattr(processes, "find_owned", lambda uids: iter(()))
    assert Processes(limit=1.0).end(SESSION) == []
    assert unanswered() > 0


def unanswered() -> int:
    """Return how many questions wait at the session's file systems; none once they are cut off."""
    folder = CONNECTIONS.open()
    assert folder is not None
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.stat().st_uid == UID]
        return sum(int(read(f"{name}/waiting", folder)) for name in names)
    finally:
        os.close(folder)


def read(name: str, folder: int) -> bytes:
    handle = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(handle, 100)
    finally:
        os.close(handle)


def test_file_systems_of_others_go_on(hung: int) -> None:
    others = UidRange(first=UIDS.last + 1, last=UIDS.last + 9)
    abort_connections(others)
    assert unanswered() > 0
