"""Consoles: how soon a key is echoed, and what ten talking ones cost: ``python -m bench.console``.

The board is a real sandbox with a real keeper, the lines are pseudo terminals, and the user is the
system's ssh, which comes through the real relay on loopback.
"""

import asyncio
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from datetime import timedelta
from pathlib import Path

import asyncssh

from bench.table import Row, print_table
from bench.tunnel import free_ports, processor_seconds
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.routes import TunnelRoute
from boruta_farm.clock import SystemClock
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.tools.base import ToolSettings
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.drivers.serial import SerialConsole, SerialSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.registry import KINDS
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox

ECHO_AIM = 30.0
SHARE_AIM = 5.0
KEYS = 200
LINES = 10
BYTES_A_SECOND = 11_520
PIECE = 115
SECONDS = 10.0


class TalkingDevice(threading.Thread):
    """The device's end of a line: it echoes, or talks at 115,200 baud."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.end, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)
        self.talks = threading.Event()

    def run(self) -> None:
        """Echo; while it talks, do that."""
        due = time.monotonic()
        while True:
            wait = 0.05
            if self.talks.is_set():
                os.write(self.end, b"x" * PIECE)
                due += PIECE / BYTES_A_SECOND
                wait = max(due - time.monotonic(), 0)
            else:
                due = time.monotonic()
            if select.select((self.end,), (), (), wait)[0]:
                os.write(self.end, os.read(self.end, 4096))


def fitted(name: str, path: str) -> FittedTool:
    """Return a console as its table would have made it."""
    kind = KINDS[Kind.CONSOLE]
    tool = SerialConsole(SerialSettings(port=path))
    settings = ToolSettings(driver="serial")
    return FittedTool(name=name, tool=tool, kind=kind, settings=settings, table=kind.settings())


async def measure() -> list[Row]:
    """Lend a board with ten consoles through a relay of its own and use them."""
    devices = [TalkingDevice() for _ in range(LINES)]
    for device in devices:
        device.start()
    toolbox = Toolbox(fitted(f"uart{n}", device.path) for n, device in enumerate(devices))
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        key = asyncssh.generate_private_key("ssh-ed25519")
        (folder / "key").write_bytes(key.export_private_key())
        (folder / "key").chmod(0o600)
        (folder / "relay").mkdir()
        consoles = Consoles(toolbox, folder / "agent")
        service = ToolService(toolbox, consoles)
        driver = TooledDriver(SandboxDriver(SandboxConfig(directory=folder / "board")), service)
        await driver.start()
        await driver.prepare(key.export_public_key().decode())
        service.look(AgentState(boot_id="boot", epoch=1, phase=Phase.GRANTED, key="k", end=1e9))
        relay = await RelayClient.attach(folder / "relay", "127.0.0.1", clock)
        running = asyncio.create_task(relay.keep_at_hand())
        (port,) = free_ports(1)
        try:
            route = TunnelRoute(
                worker="board",
                port=port,
                host="127.0.0.1",
                target=int(driver.ssh_address.rpartition(":")[2]),
                epoch=1,
                cut=clock.now() + timedelta(minutes=10),
            )
            relay.replace([route])
            await relay.settle()
            echo = await asyncio.to_thread(echoes, folder / "key", port)
            carriers = (os.getpid(), consoles.keeper.pid)
            for device in devices:
                device.talks.set()
            await asyncio.sleep(1)
            spent = await talk(carriers)
            for device in devices:
                device.talks.clear()
        finally:
            running.cancel()
            await asyncio.wait([running])
            await stop_relay(folder / "relay")
            service.look(AgentState(boot_id="boot", epoch=1, phase=Phase.ENDING, key="k"))
            await driver.clean()
            await driver.close()
    p95 = statistics.quantiles(echo, n=20)[-1]
    share = spent[1] / SECONDS * 100
    return [
        Row(
            name="a key echoed through relay and ssh, p95",
            value=f"{p95:.1f} ms (p50 {statistics.median(echo):.1f} ms)",
            aim=f"<= {ECHO_AIM:g} ms",
            met=p95 <= ECHO_AIM,
        ),
        Row(
            name="ten consoles at 115,200 baud, the keeper's share of a core",
            value=f"{share:.1f} %",
            aim=f"<= {SHARE_AIM:g} %",
            met=share <= SHARE_AIM,
        ),
        Row(
            name="the same, this process: the agent, and the ten devices that talk",
            value=f"{spent[0] / SECONDS * 100:.1f} %",
        ),
    ]


async def talk(carriers: tuple[int, ...]) -> list[float]:
    """Return the processor time that processes use while all devices talk."""
    before = [processor_seconds(pid) for pid in carriers]
    await asyncio.sleep(SECONDS)
    return [processor_seconds(pid) - b for pid, b in zip(carriers, before, strict=True)]


def echoes(key: Path, port: int) -> list[float]:
    """Return how many milliseconds each of many keys took to come back."""
    command = [
        *("ssh", "-F", "none", "-i", str(key), "-p", str(port), "-o", "BatchMode=yes"),
        *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "LogLevel=ERROR", "boruta-user@127.0.0.1", "dut console uart0"),
    ]
    taken = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as user:
        assert user.stdin is not None
        assert user.stdout is not None
        for number in range(KEYS + 1):
            began = time.perf_counter()
            user.stdin.write(b"k")
            assert user.stdout.read(1) == b"k"
            # The first waits until ssh has logged in.
            if number:
                taken.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
        user.terminate()
    return taken


if __name__ == "__main__":
    rows = asyncio.run(measure())
    print_table(rows)
    sys.exit(1 if any(row.met is False for row in rows) else 0)
