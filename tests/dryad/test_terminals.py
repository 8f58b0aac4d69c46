import errno
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.terminals import message_bytes, write_to_terminals


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A terminal of this user: our side of it, and a folder with only its number."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    folder = Path(os.ttyname(slave)).parent
    if folder != Path("/dev/pts"):
        pytest.skip("this system has no /dev/pts")
    yield master, Path(os.ttyname(slave))
    os.close(master)
    os.close(slave)


def read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except BlockingIOError:
        return b""


def test_a_message_stands_on_lines_of_its_own_and_drives_nothing() -> None:
    assert message_bytes("ends\x1b[2J soon \u2603") == b"\a\r\n*** ends?[2J soon ? ***\r\n"


def test_the_user_sees_it(terminal: tuple[int, Path]) -> None:
    master, _path = terminal
    assert write_to_terminals(os.getuid(), "hello") >= 1
    assert read(master) == message_bytes("hello")


def test_terminals_of_others_are_left_alone(terminal: tuple[int, Path]) -> None:
    master, _path = terminal
    assert write_to_terminals(os.getuid() + 4711, "hello") == 0
    assert read(master) == b""


def test_a_stopped_terminal_is_not_waited_for(terminal: tuple[int, Path]) -> None:
    master, path = terminal
    slave = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        termios.tcflow(slave, termios.TCOOFF)
        write_to_terminals(os.getuid(), "hello")
        assert read(master) == b""
        termios.tcflow(slave, termios.TCOON)
    finally:
        os.close(slave)


def test_what_is_no_terminal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("a file")
    (tmp_path / "1").symlink_to(tmp_path / "0")
    (tmp_path / "ptmx").write_text("a name")
    assert write_to_terminals(os.getuid(), "hello", tmp_path) == 0
    assert (tmp_path / "0").read_text() == "a file"


def test_a_terminal_that_goes_away_meanwhile_is_no_failure(
    terminal: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(os, "write", gone)
    assert write_to_terminals(os.getuid(), "hello") == 0
