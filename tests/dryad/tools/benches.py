"""Tools without hardware, a door that admits whom the test says, and the service between them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from boruta_farm.dryad.dut import call, main
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.tools.base import Bench, Tool, ToolSettings
from boruta_farm.dryad.tools.door import PeerProcess, listen
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.kinds.usb import UsbDevice
from boruta_farm.dryad.tools.kinds.video import Picture
from boruta_farm.dryad.tools.registry import KINDS
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.switching import off_and_on
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox

EPOCH = 7


class Lamp(Tool):
    """Power that is remembered; each call waits for ``gate``, deaf ones whatever comes."""

    kind = Kind.POWER

    def __init__(self) -> None:
        self.lit: bool | None = True
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.deaf = False
        self.entered = asyncio.Event()

    async def on(self) -> None:
        await self._switch("on", True)

    async def off(self) -> None:
        await self._switch("off", False)

    async def cycle(self, pause: float) -> None:
        await off_and_on(self.off, self.on, pause)

    async def state(self) -> PowerState:
        return PowerState(on=self.lit, watts=3.25 if self.lit else None)

    async def _switch(self, word: str, lit: bool) -> None:
        self.entered.set()
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        self.calls.append(word)
        self.lit = lit


class Knob(Tool):
    """A button that notes what becomes of it."""

    kind = Kind.BUTTON

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.pressed = asyncio.Event()

    async def press(self) -> None:
        self.calls.append("press")
        self.pressed.set()

    async def release(self) -> None:
        self.calls.append("release")


class Chore(Tool):
    """Something the admin named: says its words, or goes on for ever."""

    kind = Kind.DO

    def __init__(self) -> None:
        self.endless = False
        self.ended = asyncio.Event()

    async def perform(self, words: Sequence[str], output: Output) -> int:
        try:
            await output(" ".join(words).encode() + b"\n")
            while self.endless:
                await output(b"x" * 65536)
            return len(words)
        finally:
            self.ended.set()


class Screen(Tool):
    """A screen that shows its number."""

    kind = Kind.VIDEO

    async def snapshot(self) -> Picture:
        return Picture(media_type="image/png", data=b"picture")

    async def stream(self) -> AsyncIterator[Picture]:
        for number in range(3):
            yield Picture(media_type="image/png", data=b"%d" % number)


class Bus(Tool):
    """Two USB devices."""

    kind = Kind.USB

    def __init__(self) -> None:
        self.exported: set[str] = set()

    async def devices(self) -> tuple[UsbDevice, ...]:
        return tuple(
            UsbDevice(
                bus_id=place,
                vendor_id="18d1",
                product_id="4ee7",
                name="Pixel",
                exported=place in self.exported,
            )
            for place in ("1-1", "1-2")
        )

    async def export(self, bus_id: str) -> None:
        self.exported.add(bus_id)

    async def withdraw(self, bus_id: str) -> None:
        self.exported.discard(bus_id)


@dataclass(slots=True)
class OpenDoor:
    """A socket in a folder, for whoever ``lets`` in."""

    path: Path
    lets: Callable[[PeerProcess], bool] = lambda _: True

    def open(self) -> socket.socket:
        return listen(self.path)

    @property
    def consoles(self) -> Path:
        return self.path.with_name("console")

    async def give(self, terminal: Path) -> None:
        os.chmod(terminal, 0o600)  # noqa: PTH101 - it waits for nothing

    def close(self) -> None:
        self.path.unlink(missing_ok=True)

    def admits(self, peer: PeerProcess) -> bool:
        return self.lets(peer)

    def belongs(self, peer: PeerProcess) -> bool:
        return self.lets(peer)


def fit(name: str, tool: Tool, **table: object) -> FittedTool:
    """Return a tool as its table would have made it."""
    kind = KINDS[tool.kind]
    return FittedTool(
        name=name,
        tool=tool,
        kind=kind,
        settings=ToolSettings(driver="fake"),
        table=kind.settings(**table),
    )


def bench(folder: Path) -> Bench:
    """Return what tools are opened for."""
    return Bench(
        uuid="d8edba27-37b0-4eb2-b78b-5e4ca1f82ca9",
        board="rpi4-7",
        tool="",
        folder=folder,
        stm_socket=folder / "stm.socket",
    )


def state(epoch: int = EPOCH, phase: Phase = Phase.GRANTED) -> AgentState:
    """Return the state of a board with a job."""
    return AgentState(boot_id="boot", epoch=epoch, phase=phase, key="k", end=100.0)


@dataclass(slots=True)
class Session:
    """A served toolbox, and a way to call ``dut`` as a session would."""

    service: ToolService
    door: OpenDoor
    lamp: Lamp = field(default_factory=Lamp)
    knob: Knob = field(default_factory=Knob)
    chore: Chore = field(default_factory=Chore)

    async def dut(self, *words: str) -> int:
        """Run ``dut`` in a thread and return its exit status."""
        return await asyncio.to_thread(main.main, words)


@asynccontextmanager
async def served(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *more: FittedTool
) -> AsyncIterator[Session]:
    """Serve a lamp, two buttons, a chore and ``more`` to a session of ``EPOCH``."""
    door = OpenDoor(folder / "dut.sock")
    monkeypatch.setenv(call.VARIABLE, str(door.path))
    lamp, knob, chore = Lamp(), Knob(), Chore()
    tools = (
        fit("power", lamp, pause=0.0),
        fit("reset", knob, hold=0.0),
        fit("boot", Knob()),
        fit("greet", chore, arguments=True),
        *more,
    )
    service = ToolService(Toolbox(tools))
    service.start(door)
    service.look(state())
    try:
        yield Session(service, door, lamp, knob, chore)
    finally:
        lamp.gate.set()
        await service.close()
