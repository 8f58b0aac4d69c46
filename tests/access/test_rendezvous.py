import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.access.rendezvous import (
    LOCK,
    SOCKET,
    NameTakenError,
    Seat,
    call,
    draining,
    sweep,
)

DIES_WITH_A_SEAT = """
import sys, os, signal
from pathlib import Path
from boruta_farm.access.rendezvous import Seat
seat = Seat.take(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def reaches(seat: Seat, name: str, folder: Path) -> bool:
    with call(folder, name) as caller:
        listener, _ = seat.listener.accept()
        with listener:
            listener.setblocking(True)
            caller.send(b"x")
            return listener.recv(1) == b"x"


def test_only_the_owner_may_call(tmp_path: Path) -> None:
    seat = Seat.take(tmp_path)
    assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600
    assert reaches(seat, SOCKET, tmp_path)
    seat.close()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_name_can_be_had_once(tmp_path: Path) -> None:
    seat = Seat.take(tmp_path)
    with pytest.raises(NameTakenError, match="another relay"):
        Seat.take(tmp_path)
    assert reaches(seat, SOCKET, tmp_path)
    seat.close()
    Seat.take(tmp_path).close()


def test_a_folder_with_a_long_path_serves_too(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 200) / ("b" * 200)
    folder.mkdir(parents=True)
    seat = Seat.take(folder)
    assert reaches(seat, SOCKET, folder)
    seat.give_up()
    [name] = draining(folder)
    assert reaches(seat, name, folder)
    seat.close()


def test_a_name_given_up_is_free_while_the_old_socket_goes_on(tmp_path: Path) -> None:
    old = Seat.take(tmp_path)
    old.give_up()
    old.give_up()
    new = Seat.take(tmp_path)
    [name] = draining(tmp_path)
    assert reaches(old, name, tmp_path)
    assert reaches(new, SOCKET, tmp_path)
    old.close()
    assert draining(tmp_path) == ()
    assert reaches(new, SOCKET, tmp_path)
    new.close()


@pytest.mark.parametrize("end", [Seat.give_up, Seat.close])
def test_a_folder_made_anew_is_left_to_the_relay_that_serves_there(
    end: Callable[[Seat], None], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    old = Seat.take(folder)
    folder.rename(tmp_path / "removed")
    folder.mkdir()
    new = Seat.take(folder)
    end(old)
    assert reaches(new, SOCKET, folder)
    old.close()
    new.close()
    assert [path.name for path in folder.iterdir()] == [LOCK]


def test_the_name_of_a_dead_relay_is_free(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES_WITH_A_SEAT, str(tmp_path)], check=False)
    with pytest.raises(ConnectionRefusedError):
        call(tmp_path)
    seat = Seat.take(tmp_path)
    assert reaches(seat, SOCKET, tmp_path)
    seat.close()


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(tmp_path)


def test_the_socket_of_a_dead_draining_relay_is_swept(tmp_path: Path) -> None:
    name = "relay-1.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / name))
    assert draining(tmp_path) == (name,)
    sweep(tmp_path, name)
    assert draining(tmp_path) == ()
    sweep(tmp_path, name)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Seat.take(tmp_path / "absent")
