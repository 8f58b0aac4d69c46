"""A device flashed and booted before its job: by real tools, on a card, from a web server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from boruta_farm.dryad.images.forms import Form
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.base import Tool
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.tools.drivers.block import DRIVER, BlockSettings
from boruta_farm.dryad.tools.errors import SessionOverError, UnreadyError
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.tools.readying import DeviceReadying, last_lines, ready_capabilities
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.model.readiness import Readiness
from tests.dryad.doctor.configs import config
from tests.dryad.images.pictures import MIB, card, noise, packed
from tests.dryad.images.servers import ImageServer, serving
from tests.dryad.tools.benches import EPOCH, Knob, Lamp, bench, fit, state
from tests.dryad.tools.console.lines import Wired, serial, until, wired
from tests.dryad.tools.console.test_consoles import read_log

DATA = noise(MIB + 99)
PACKED = packed(DATA, Form.GZIP)
DIGEST = hashlib.sha256(PACKED).hexdigest()
BOOTING = b"U-Boot 2023.01\r\n\x1b[1mStarting kernel ...\x1b[0m\r\n"
UNLUCKY = "(a+)+$"
"""Takes for ever at a long line of a, and another letter."""


class Power(Lamp):
    """Power of a device that says something when it gets some."""

    def __init__(self) -> None:
        super().__init__()
        self.says = BOOTING + b"login: "
        self.say: Callable[[bytes], None] = lambda _: None

    async def on(self) -> None:
        await super().on()
        self.say(self.says)


@dataclass(slots=True)
class Rig:
    """A device with power, console and card, and a session that is prepared."""

    board: Wired
    power: Power
    card: Path
    storage: Storage
    told: list[str] = field(default_factory=list)

    async def make(self, wanted: Readiness, within: float = 20.0) -> None:
        """Make it ready."""
        readying = DeviceReadying(self.board.service, self.board.consoles, self.told.append)
        await readying.carry_out(wanted, within)


@asynccontextmanager
async def rigged(folder: Path, server: ImageServer) -> AsyncIterator[Rig]:
    """Wire up a device."""
    power, switch = Power(), ("/bin/true",)
    device = card(folder)
    settings = BlockSettings(device=device, to_supervisor=switch, to_dut=switch)
    sd = DRIVER.open(settings, bench(folder))
    beside = (
        fit("sd", sd, image_urls=(server.url,), image_cache=10),
        fit("power", power, pause=0.0),
    )
    async with wired(folder, *beside) as board:
        power.say = board.device.say
        board.service.look(state(phase=Phase.PREPARED))
        yield Rig(board, power, device, cast("Storage", sd))


@pytest.fixture
async def rig(tmp_path: Path, server: ImageServer) -> AsyncIterator[Rig]:
    async with rigged(tmp_path, server) as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[ImageServer]:
    with serving() as found:
        found.put("/a.img.gz", PACKED)
        yield found


async def test_it_is_switched_off_flashed_and_booted_to_its_prompt(
    rig: Rig, server: ImageServer
) -> None:
    url = f"{server.url}/a.img.gz"
    await rig.make(Readiness(image=url, sha256=DIGEST, storage="sd", boot_until=r"login: $"))
    assert rig.card.read_bytes()[: len(DATA)] == DATA
    assert await rig.storage.holder() is Holder.DUT
    assert rig.power.calls == ["off", "on"]
    assert rig.told[0] == "sd: waiting for the image"
    assert rig.told[-1] == "booting, until its console shows 'login: $'"
    assert any(words.startswith("sd: writing, ") for words in rig.told)
    await rig.board.seen(b"login: ")
    rig.board.service.look(state(phase=Phase.ENDING))
    await rig.board.consoles.cut()
    ((epoch, _, _, log),) = read_log(rig.board.consoles.logs)
    assert (epoch, log) == (EPOCH, BOOTING + b"login: "), "what it booted is the job's log"


async def test_an_image_alone_leaves_the_power_as_it_was(rig: Rig, server: ImageServer) -> None:
    wanted = Readiness(image=f"{server.url}/a.img.gz")
    await rig.make(wanted)
    assert (rig.power.calls, rig.power.lit) == (["off", "on"], True)
    rig.power.lit, rig.power.calls = False, []
    await rig.make(wanted)
    assert (rig.power.calls, rig.power.lit) == (["off"], False)


async def test_a_prompt_alone_boots_what_is_there(rig: Rig) -> None:
    await rig.make(Readiness(boot_until="Starting kernel"))
    assert rig.power.calls == ["off", "on"]
    assert await rig.storage.holder() is Holder.UNKNOWN


async def test_what_the_console_has_said_before_is_no_prompt(rig: Rig) -> None:
    rig.board.device.say(b"login: ")
    await rig.board.seen(b"login: ")
    rig.power.says = BOOTING
    with pytest.raises(UnreadyError, match="did not show 'login: ' within 1 s") as told:
        await rig.make(Readiness(boot_until="login: "), within=0.5)
    assert told.value.lines == ("login: U-Boot 2023.01", "Starting kernel ...")


@pytest.mark.parametrize(
    ("image", "sha256", "complaint"),
    [
        ("/gone.img", None, "the server answers 404"),
        ("/a.img.gz", "0" * 64, "the image has the sha256"),
        ("/large.img", None, "the medium only 3.1 MB; nothing was written"),
    ],
)
async def test_a_flash_that_fails_says_why_and_nothing_is_booted(
    rig: Rig, server: ImageServer, image: str, sha256: str | None, complaint: str
) -> None:
    server.put("/large.img", noise(4 * MIB))
    rig.board.device.say(b"the last words\r\n")
    await rig.board.seen(b"words\r\n")
    wanted = Readiness(image=server.url + image, sha256=sha256, boot_until="login:")
    with pytest.raises(UnreadyError, match=complaint) as told:
        await rig.make(wanted)
    assert told.value.message.startswith("tool sd: ")
    assert told.value.lines == ("the last words",)
    assert rig.power.calls == ["off"]


async def test_addresses_that_the_board_does_not_take_are_refused(rig: Rig) -> None:
    with pytest.raises(UnreadyError, match="this board takes images from http"):
        await rig.make(Readiness(image="https://elsewhere.example/a.img"))
    with pytest.raises(UnreadyError, match="this board has no tool 'emmc'"):
        await rig.make(Readiness(image="https://elsewhere.example/a.img", storage="emmc"))


async def test_a_console_that_is_away_is_waited_for(rig: Rig) -> None:
    rig.board.device.unplug()
    ring = rig.board.tool.desk.kept.ring
    await until(lambda: bool(ring.trouble))
    making = asyncio.create_task(rig.make(Readiness(boot_until="login:")))
    await until(lambda: rig.power.calls == ["off"])
    rig.board.device.plug()
    await making
    assert rig.power.calls == ["off", "on"]
    rig.board.device.unplug()
    await until(lambda: bool(ring.trouble))
    with pytest.raises(UnreadyError, match="its console could not be opened within 1 s"):
        await rig.make(Readiness(boot_until="login:"), within=0.3)
    assert rig.power.calls == ["off", "on", "off"]


async def test_a_pattern_that_takes_for_ever_costs_the_agent_nothing(rig: Rig) -> None:
    rig.power.says = b"a" * 60 + b"!\r\n"
    making = asyncio.create_task(rig.make(Readiness(boot_until=UNLUCKY), within=1.0))
    looks = 0
    while not making.done():
        await asyncio.sleep(0.01)
        looks += 1
    with pytest.raises(UnreadyError, match="did not show"):
        await making
    assert looks > 50
    await until(lambda: not _lookers())


async def test_it_is_called_off_with_its_session_whatever_it_is_at(
    rig: Rig, server: ImageServer
) -> None:
    server.put("/slow.img", b"x" * 1000, length=10_000_000)
    for wanted in (
        Readiness(image=f"{server.url}/slow.img", boot_until="login:"),
        Readiness(boot_until="never"),
    ):
        told = len(rig.told)
        making = asyncio.create_task(rig.make(wanted))
        await until(lambda seen=told: len(rig.told) > seen)  # type: ignore[misc]
        rig.board.service.look(state(EPOCH, Phase.ENDING))
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        await rig.board.service.settle()
        assert not _lookers()
        calls = list(rig.power.calls)
        rig.board.service.look(state(EPOCH + 1, Phase.PREPARED))
        await asyncio.sleep(0)
        assert rig.power.calls == calls
        rig.board.service.look(state(EPOCH, Phase.PREPARED))


async def test_acts_for_a_session_that_is_over_are_refused_one_by_one(rig: Rig) -> None:
    readying = DeviceReadying(rig.board.service, rig.board.consoles, rig.told.append)
    rig.board.service.look(state(EPOCH + 1, Phase.PREPARED))
    with pytest.raises(UnreadyError, match="the job has ended"):
        await readying.carry_out(Readiness(boot_until="login:"), 5.0)
    assert rig.power.calls == []
    rig.board.service.look(state(EPOCH + 1, Phase.ENDED))
    with pytest.raises(SessionOverError):
        DeviceReadying(rig.board.service, rig.board.consoles, rig.told.append)


async def test_somebody_who_has_a_tool_is_waited_for(rig: Rig) -> None:
    (power,) = (each for each in rig.board.service.toolbox if each.name == "power")
    async with power.turn:
        making = asyncio.create_task(rig.make(Readiness(boot_until="login:")))
        await asyncio.sleep(0.05)
        assert rig.power.calls == []
    await making
    assert rig.power.calls == ["off", "on"]


def _sd(name: str, *urls: str) -> FittedTool:
    switch = ("/bin/true",)
    settings = BlockSettings(device=Path("/dev/null"), to_supervisor=switch, to_dut=switch)
    return fit(name, DRIVER.open(settings, bench(Path("/nonexistent"))), image_urls=urls)


def _console(name: str, *, own: bool = True) -> FittedTool:
    return fit(name, cast("Tool", serial(Path("/dev/null"))), own=own)


URL = "https://images.example"


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ((), set()),
        ((_sd("sd"),), set()),
        ((_sd("sd", URL),), {"tool.image", "tool.image.sd"}),
        ((_sd("sd", URL), _sd("usb")), {"tool.image.sd"}),
        ((_sd("sd", URL), _sd("usb", URL)), {"tool.image.sd", "tool.image.usb"}),
        ((fit("power", Lamp()),), set()),
        ((_console("uart"),), set()),
        ((fit("power", Lamp()), _console("uart", own=False)), set()),
        ((fit("power", Lamp()), _console("uart")), {"tool.boot"}),
        ((fit("reset", Knob()), _console("uart")), set()),
    ],
)
def test_boards_tell_what_they_can_be_made_ready_with(
    tools: tuple[FittedTool, ...], found: set[str]
) -> None:
    assert ready_capabilities(Toolbox(tools)) == dict.fromkeys(found, "yes")


def test_the_agent_tells_it_beside_its_tools(tmp_path: Path) -> None:
    tables = """
[tools.power]
driver = "simulated"

[tools.uart]
driver = "simulated"
kind = "console"

[tools.card]
driver = "simulated"
kind = "storage"
image_urls = ["https://images.example"]
"""
    _, told = open_tools(config(tmp_path, tables=tables))
    tools = {name for name in told.caps if name.startswith("tool.")}
    assert tools == {
        *("tool.power", "tool.console", "tool.storage"),
        *("tool.boot", "tool.image", "tool.image.card"),
    }


def test_the_last_lines_steer_no_terminal() -> None:
    said = b"one\r\ntwo\r\n\r\n  \x1b]0;title\x07three\x00\x08\r\n\x1b[2J\xff four\rfive"
    said += b"x" * 500
    assert last_lines(said)[:4] == ("one", "two", "three", "\N{REPLACEMENT CHARACTER} four")
    assert last_lines(said)[4] == "five" + "x" * 156
    assert last_lines(b"") == ()


def _lookers() -> list[int]:
    """Return the processes that look for prompts."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = []
    for child in children:
        with suppress(OSError):
            if b"console.looking" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found
