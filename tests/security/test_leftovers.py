"""What a session leaves where files and processes are not looked for: keyrings, queues, folders."""

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup import files
from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.files import Everywhere
from boruta_farm.dryad.cleanup.guise import numbers
from boruta_farm.dryad.cleanup.ipc import MessageQueues
from boruta_farm.dryad.cleanup.keyrings import Keyrings
from boruta_farm.dryad.cleanup.proof import system_cleaner
from boruta_farm.dryad.proc.mounts import Mount
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("plays other users, which takes root", allow_module_level=True)

FIRST = 2_000_000 + os.getpid() % 10_000 * 20
"""Keyrings belong to the machine: tests that run beside this one have uids of their own."""

UIDS = UidRange(first=FIRST, last=FIRST + 9)
UID = FIRST + 3
SESSION = Session(name="boruta-nobody", uids=UIDS, home=Path("/home/boruta-nobody"))
USER_KEYRING, THREAD = -4, -1
ADD_KEY: dict[int, int] = {250: 248, 219: 217, 311: 309, 288: 286}
"""The number of add_key by that of keyctl."""

ENOKEY = 126
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def as_user(act: Callable[[], int], uid: int = UID) -> int:
    """Do something in a process of the user's; return its small result."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            status = act()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kernel(number: int, *words: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    return int(libc.syscall(ctypes.c_long(number), *given))


def keep_secret(ring: Callable[[], int]) -> Callable[[], int]:
    def act() -> int:
        number = ADD_KEY[numbers()[1]]
        return 0 if kernel(number, b"user", b"boruta-test", b"secret", 6, ring()) > 0 else 1

    return act


def find_secret(ring: Callable[[], int]) -> Callable[[], int]:
    def act() -> int:
        found = kernel(numbers()[1], 10, ring(), b"user", b"boruta-test", 0)
        return 0 if found > 0 else ctypes.get_errno()

    return act


def user_keyring() -> int:
    return USER_KEYRING


def persistent_keyring() -> int:
    return kernel(numbers()[1], 22, -1, THREAD)


@pytest.mark.parametrize("ring", [user_keyring, persistent_keyring])
def test_a_users_keyrings_are_empty_for_the_next_of_that_uid(ring: Callable[[], int]) -> None:
    Keyrings().end(SESSION)
    if as_user(keep_secret(ring)):
        pytest.skip("this kernel has no such keyring")
    assert as_user(find_secret(ring)) == 0, "the secret outlives the user's processes"
    assert Keyrings().left(SESSION) == [f"1 keyring of the kernel with keys: 1 of uid {UID}"]
    assert Keyrings().end(SESSION) == [f"1 keyring of the kernel with keys: 1 of uid {UID}"]
    assert Keyrings().left(SESSION) == []
    assert as_user(find_secret(ring)) != 0
    assert os.getresuid() == (0, 0, 0)


def test_others_keyrings_are_left_alone() -> None:
    stranger = UIDS.last + 1
    if as_user(keep_secret(user_keyring), stranger):
        pytest.skip("this kernel has no such keyring")
    Keyrings().end(SESSION)
    assert as_user(find_secret(user_keyring), stranger) == 0
    Keyrings().end(Session(name="x", uids=UidRange(first=stranger, last=stranger), home=Path("/x")))


def test_keyrings_wait_for_processes() -> None:
    """A thread that bears a uid can be struck by that uid's processes."""
    if as_user(keep_secret(user_keyring)):
        pytest.skip("this kernel has no such keyring")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(write)
            os.setresuid(UID, UID, UID)
            os.read(read, 1)
        finally:
            os._exit(0)
    os.close(read)
    try:
        while Path(f"/proc/{pid}").stat().st_uid != UID:
            os.sched_yield()
        with pytest.raises(BoardError, match=f"uid {UID} still runs processes"):
            Keyrings().end(SESSION)
    finally:
        os.close(write)
        os.waitpid(pid, 0)
    assert Keyrings().end(SESSION)


@pytest.fixture
def queue() -> Iterator[bytes]:
    name = b"/boruta-left"

    def leave() -> int:
        flags = os.O_CREAT | os.O_RDWR
        return 0 if ctypes.CDLL(None).mq_open(name, flags, 0o600, None) >= 0 else 1

    if as_user(leave):
        pytest.skip("this kernel has no message queues")
    yield name
    ctypes.CDLL(None).mq_unlink(name)


def test_a_message_queue_is_found_wherever_nothing_is_mounted(queue: bytes) -> None:
    assert queue.decode()[1:] in MessageQueues().left(SESSION)[0]
    assert MessageQueues().end(SESSION)
    assert MessageQueues().left(SESSION) == []
    assert ctypes.CDLL(None).mq_unlink(queue) == -1


def test_a_file_in_a_folder_nobody_thought_of_is_gone_before_its_uid_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, left = tmp_path / "open" / "mine", tmp_path / "open" / "left"
    left.parent.mkdir()
    for path in (mine, left):
        path.write_text("x")
    os.chown(left, UID, UID)
    here = Mount(point=str(tmp_path), kind="ext4", options="rw")
    kernels = Mount(point="/proc", kind="proc", options="rw")
    monkeypatch.setattr(files, "list_mounts", lambda: [kernels, here])
    assert "left" in Everywhere().left(SESSION)[0]
    assert Everywhere().end(SESSION)
    assert (mine.exists(), left.exists()) == (True, False)


def rights_of(*numbers: int) -> bytes:
    """Return a list by which these uids may read, beside owner, group and others."""
    entries = [(1, 6, -1), *((2, 4, number) for number in numbers), (4, 4, -1), (16, 4, -1)]
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHi", *entry) for entry in (*entries, (32, 0, -1))
    )


def test_rights_to_what_is_roots_are_gone_before_their_uid_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a core dump and a journal have them: they are root's, and their user may read them."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    dump, other = folder / "core", UIDS.last + 1
    dump.write_text("what the last user had in memory")
    try:
        os.setxattr(dump, ACCESS, rights_of(UID, other))
        os.setxattr(folder, DEFAULT, rights_of(UID))
    except OSError as error:
        pytest.skip(f"no such rights can be given here: {error.strerror}")
    here = Mount(point=str(tmp_path), kind="ext4", options="rw")
    monkeypatch.setattr(files, "list_mounts", lambda: [here])
    (told,) = Everywhere().left(SESSION)
    assert told.startswith("2 files and folders")
    assert os.getxattr(dump, ACCESS) == rights_of(UID, other)
    assert Everywhere().end(SESSION)
    assert Everywhere().left(SESSION) == []
    assert os.getxattr(dump, ACCESS) == rights_of(other)
    assert os.getxattr(folder, DEFAULT) == rights_of()
    assert dump.read_text() == "what the last user had in memory"


def test_each_clean_up_looks_at_all_of_it() -> None:
    kinds = {type(remains) for remains in system_cleaner().all}
    assert {Keyrings, MessageQueues} <= kinds
