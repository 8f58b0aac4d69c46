"""A session on a MuxPi: its controller emulated, its card a file, its device behind ssh."""

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.dryad.dut import call
from boruta_farm.dryad.dut.launcher import write_launchers
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.tools.drivers.lan import DRIVER as LAN
from boruta_farm.dryad.tools.drivers.stm import DRIVER as STM
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.testing.stm_chip import Chip
from boruta_farm.testing.stm_ports import PseudoTerminal
from tests.dryad.images.pictures import MIB
from tests.dryad.tools.benches import OpenDoor, fit, state
from tests.dryad.tools.drivers.stages import opened

PASSWORD = "tizen"
SYSTEMS_PYTHON = "/usr/bin/python3"
FIRST, SECOND = (2048, 2048), (4096, 2048)
"""Where the card's partitions lie: first sector, and how many."""


class Device(asyncssh.SSHServer):
    """A device under test: whoever knows the password gets a shell, whatever the name."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == "root" and password == PASSWORD


async def _shell(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", process.command or "true"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await shell.communicate(await process.stdin.read())
    process.stdout.write(output)
    process.stderr.write(complaints)
    process.exit(shell.returncode or 0)


def partitioned(path: Path) -> Path:
    """Write a card with two partitions."""
    entries = b"".join(struct.pack("<4xB3xII", 0x83, *place) for place in (FIRST, SECOND))
    table = bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"
    path.write_bytes(table.ljust(3 * MIB, b"\xee"))
    return path


@dataclass(slots=True)
class MuxPi:
    """What a test sees of it."""

    chip: Chip
    folder: Path
    card: Path
    service: ToolService
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, command: str, **more: str) -> tuple[int, str, str]:
        """Run a line in the session's shell; return its status and what it said."""
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command),
            cwd=self.folder / "home",
            env={**self.environment, **more},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaints = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), complaints.decode()

    def partition(self, place: tuple[int, int], count: int) -> bytes:
        """Return what a partition begins with."""
        start = place[0] * 512
        return self.card.read_bytes()[start : start + count]


def _write_commands(folder: Path) -> None:
    """Write them for the system's Python, which boards have, and which may be older than ours."""
    with pytest.MonkeyPatch.context() as patch:
        if Path(SYSTEMS_PYTHON).exists():
            patch.setattr(sys, "executable", SYSTEMS_PYTHON)
        write_launchers(folder)


@asynccontextmanager
async def muxpi(folder: Path, *more: FittedTool) -> AsyncIterator[MuxPi]:
    """Serve its tools to a session for the block."""
    card = partitioned(folder / "sda")
    (folder / "home").mkdir()
    _write_commands(folder / "bin")
    door = OpenDoor(folder / "dut.sock")
    key = asyncssh.generate_private_key("ssh-ed25519")
    device = await asyncssh.create_server(
        *(Device, "127.0.0.1", 0), server_host_keys=[key], process_factory=_shell, encoding=None
    )
    address = f"root@127.0.0.1:{device.sockets[0].getsockname()[1]}"
    with PseudoTerminal() as terminal:
        controller = Controller.at(terminal.path)
        async with Service(controller) as shared:
            await shared.listen(
                folder / "stm.socket", folder / "user.socket", group="no-such-group"
            )
            tools = [
                fit("power", opened(STM, folder), pause=0.01),
                fit("sd", opened(STM, folder, part="card", device=str(card))),
                fit("stm", opened(STM, folder, part="controller"), arguments=True),
                fit("lan", opened(LAN, folder, ports={"ssh": address})),
                *more,
            ]
            service = ToolService(Toolbox(tools))
            service.start(door)
            service.look(state())
            environment = {
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                "HOME": str(folder / "home"),
                call.VARIABLE: str(door.path),
            }
            try:
                yield MuxPi(terminal.firmware.chip, folder, card, service, environment)
            finally:
                await service.close()
        await controller.close()
        assert terminal.firmware.chip.damage == []
    device.close()
    await device.wait_closed()
