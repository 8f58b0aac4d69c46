import os
import socket
from pathlib import Path

import pytest

from boruta_farm.dryad.activation import take_sockets


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "stm.socket:stm-user.socket",
        "PATH": "/bin",
    }


def test_sockets_are_known_by_their_paths(tmp_path: Path, environment: dict[str, str]) -> None:
    paths = [tmp_path / "user", tmp_path / "admin"]
    handed = []
    for path in paths:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        handed.append(listener)
    # Two neighbours far above all descriptors in use, as systemd hands over 3 and 4.
    first = 200
    for place, listener in enumerate(handed):
        os.dup2(listener.fileno(), first + place)
        listener.close()
    taken = take_sockets(environment, first=first)
    assert list(taken) == [str(path) for path in paths]
    assert all(
        each.family == socket.AF_UNIX and not each.get_inheritable() for each in taken.values()
    )
    assert environment == {"PATH": "/bin"}
    for each in taken.values():
        each.close()


@pytest.mark.parametrize(
    "changes", [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_FDS": ""}, {"LISTEN_FDS": "x"}]
)
def test_sockets_for_others_are_left_alone(
    environment: dict[str, str], changes: dict[str, str]
) -> None:
    environment |= changes
    assert take_sockets(environment, first=200) == {}
    assert environment == {"PATH": "/bin"}


def test_without_systemd_there_are_none() -> None:
    assert take_sockets({}) == {}
