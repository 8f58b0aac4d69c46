"""Who calls is what the kernel says: the uid of the session that is on the board now."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.tools.door import AccountDoor, PeerProcess
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import ConfigError
from tests.dryad.tools.benches import Lamp, fit, state

USER = "boruta-door"
PYTHON = "/usr/bin/python3"
ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
call = b'{"dut": 1, "act": "power.off"}'
s.sendall(b"H" + len(call).to_bytes(4, "big") + call)
print(s.recv(1000)[5:].decode())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that every user can look into."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


class Host:
    """Note which terminals it was to give."""

    def __init__(self) -> None:
        self.given: list[int] = []

    async def give_terminal(self, number: int) -> None:
        self.given.append(number)


HOST = Host()


async def test_a_terminal_is_given_by_who_may() -> None:
    host = Host()
    await AccountDoor(USER, lambda: 70001, host=host).give(Path("/dev/pts/7"))
    assert host.given == [7]


def test_the_uid_of_the_present_session_is_admitted(folder: Path) -> None:
    now: list[int | None] = [70001]
    door = AccountDoor(USER, lambda: now[0], folder, host=HOST)
    assert door.admits(PeerProcess(pid=1, uid=70001))
    assert not door.admits(PeerProcess(pid=1, uid=0))
    now[0] = 70002
    assert not door.admits(PeerProcess(pid=1, uid=70001))
    now[0] = None
    assert not door.admits(PeerProcess(pid=1, uid=70002))


def test_a_socket_that_cannot_be_made_is_told(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(ConfigError, match=r"^tools: .* cannot be made: .*; run the agent as"):
        AccountDoor(USER, lambda: 70001, folder / "file" / "dut", host=HOST).open()


def test_any_length_of_path_will_do(folder: Path) -> None:
    door = AccountDoor(USER, lambda: 70001, folder / ("x" * 150), host=HOST)
    door.open().close()
    assert door.path.is_socket()
    assert door.path.stat().st_mode & 0o777 == 0o666
    door.close()
    assert not door.path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which takes root")
@pytest.mark.skipif(not Path(PYTHON).exists(), reason="no Python that other users can start")
async def test_the_kernel_tells_who_calls(folder: Path) -> None:
    lamp = Lamp()
    service = ToolService(Toolbox([fit("power", lamp)]))
    door = AccountDoor(USER, lambda: 70001, folder, host=HOST)
    service.start(door)
    service.look(state())

    async def ask(uid: int) -> str:
        command = (PYTHON, "-c", ASK, str(door.path))
        done = await asyncio.to_thread(
            subprocess.run, command, user=uid, group=uid, capture_output=True, check=True, cwd="/"
        )
        return done.stdout.decode()

    try:
        assert f'"status": {Status.OVER:d}' in await ask(70002)
        assert lamp.calls == []
        assert f'"status": {Status.DONE:d}' in await ask(70001)
        assert lamp.calls == ["off"]
    finally:
        await service.close()
