"""Threat: the session of a board beside this one, on the same host, keeps it from being clean.

Both may write to /tmp. The neighbour works all the time while the other board is cleaned.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.files import Scratch
from boruta_farm.dryad.uids import UidRange

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("plays other users, which takes root", allow_module_level=True)

FIRST = 4_000_000 + os.getpid() % 10_000 * 20
UIDS = UidRange(first=FIRST, last=FIRST + 9)
UID, NEIGHBOUR = FIRST + 3, FIRST + 13
SESSION = Session(name="boruta-nobody", uids=UIDS, home=Path("/home/boruta-nobody"))
TIMES = 10
MANY = 20
FILES = 500
DEEP = 80
SHELVES = [f"shelf-{number}" for number in range(MANY)]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder like /tmp, within reach of everybody."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def build(depth: int) -> None:
    for shelf in SHELVES:
        Path(shelf).mkdir()
        Path(f"{shelf}-beside").mkdir()
        here = os.open(shelf, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(depth):
            os.mkdir("a", dir_fd=here)
            below = os.open("a", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)


def build_flat() -> None:
    build(2)


def build_deep() -> None:
    build(DEEP)


def move() -> None:
    """Move all of one's folders away and back."""
    for shelf in SHELVES:
        Path(shelf, "a").rename(f"{shelf}-beside/a")
        Path(f"{shelf}-beside", "a").rename(f"{shelf}/a")


def move_within() -> None:
    """Move a folder far below."""
    for shelf in SHELVES:
        deep = "/".join("a" * (DEEP - 2))
        Path(shelf, deep, "a").rename(f"{shelf}-beside/a")
        Path(f"{shelf}-beside", "a").rename(f"{shelf}/{deep}/a")


def swap() -> None:
    """Put a link in a folder's place."""
    for shelf in SHELVES:
        Path(shelf, "a").rename(f"{shelf}-beside/a")
        Path(shelf, "a").symlink_to("/etc")
        Path(shelf, "a").unlink()
        Path(f"{shelf}-beside", "a").rename(f"{shelf}/a")


def enter() -> None:
    """Make a folder in the session's, fill both, and stay in them, several at a time."""
    Path("left/mine").mkdir()
    os.chdir("left")
    fill()
    for _ in range(3):
        os.fork()


def fill() -> None:
    """Put more and more into the session's folder, as long as it takes any."""
    for number in range(FILES):
        for place in (".", "mine"):
            with suppress(OSError):
                os.close(os.open(f"{place}/{number}", os.O_CREAT | os.O_WRONLY))


@contextmanager
def neighbour(folder: Path, begin: Callable[[], None], act: Callable[[], None]) -> Iterator[None]:
    """Have somebody do something again and again for the block."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            os.setsid()
            os.setgroups([])
            os.setresgid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            os.setresuid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            begin()
            os.write(write, b"r")
            while True:
                act()
        finally:
            os._exit(1)
    os.close(write)
    try:
        assert os.read(read, 1) == b"r"
        yield
    finally:
        os.close(read)
        os.killpg(pid, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended == -signal.SIGKILL, "the neighbour had ended by itself"


@pytest.mark.parametrize(
    ("begin", "act"),
    [(build_flat, move), (build_flat, swap), (build_deep, move_within)],
    ids=["moves", "swaps", "moves-far-below"],
)
def test_who_moves_his_own_folders_about_keeps_no_board_from_being_clean(
    open_folder: Path, begin: Callable[[], None], act: Callable[[], None]
) -> None:
    scratch = Scratch(usual=(open_folder,), by_name=())
    with neighbour(open_folder, begin, act):
        for number in range(TIMES):
            left = open_folder / f"left-{number}"
            left.touch()
            os.chown(left, UID, UID)
            assert scratch.end(SESSION)
            assert scratch.left(SESSION) == []
            assert not left.exists()


def test_nobody_puts_more_into_a_folder_of_the_session_while_it_is_removed(
    open_folder: Path,
) -> None:
    scratch = Scratch(usual=(open_folder,), by_name=())
    for _ in range(3):
        left = open_folder / "left"
        left.mkdir()
        left.chmod(0o777)
        os.chown(left, UID, UID)
        with neighbour(open_folder, enter, fill):
            (found,) = scratch.end(SESSION)
            assert found.startswith(f"{2 * FILES + 2} files and folders "), "it was added to"
            assert scratch.left(SESSION) == []
            assert not left.exists()
