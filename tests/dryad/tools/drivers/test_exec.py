"""Any command for any verb, without a shell, within its time."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from boruta_farm.dryad.proc.processes import read_process
from boruta_farm.dryad.tools.drivers.exec import DRIVER
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.button import Button
from boruta_farm.dryad.tools.kinds.do import Do
from boruta_farm.dryad.tools.kinds.power import Power, PowerState
from boruta_farm.dryad.tools.kinds.usb import Usb, UsbDevice
from boruta_farm.dryad.tools.kinds.video import Video
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.drivers.sandboxes import gone
from tests.dryad.tools.drivers import stages

Script = Callable[[str, str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a way to write a program of the lab's."""

    return lambda name, text: stages.program(tmp_path, name, text)


def opened(folder: Path, **content: object) -> object:
    """Return the tool of a table."""
    return stages.opened(DRIVER, folder, **content)


async def test_power(script: Script, tmp_path: Path) -> None:
    relay = script("relay", 'echo "$1 $BORUTA_TOOL $BORUTA_NAME $PIN" >>log; echo $1 >now')
    power = cast(
        "Power",
        opened(
            tmp_path,
            kind="power",
            on=[relay, "on"],
            off=f"{relay} 'off'",
            state=script("state", "cat now"),
            environment={"PIN": "7"},
        ),
    )
    await power.on()
    assert await power.state() == PowerState(on=True)
    await power.cycle(0.0)
    await power.off()
    assert await power.state() == PowerState(on=False)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines == [f"{word}  rpi4-7 7" for word in ("on", "off", "on", "off")]


async def test_power_that_has_a_cycle_of_its_own_and_no_state(
    script: Script, tmp_path: Path
) -> None:
    relay = script("relay", "echo $1 >>log")
    power = cast(
        "Power", opened(tmp_path, kind="power", on=[relay], off=[relay], cycle=[relay, "tick"])
    )
    await power.cycle(0.0)
    assert (tmp_path / "log").read_text() == "tick\n"
    assert (await power.state()).on is None


async def test_a_button(script: Script, tmp_path: Path) -> None:
    pin = script("pin", "echo $1 >>log")
    button = cast("Button", opened(tmp_path, kind="button", press=[pin, "1"], release=[pin, "0"]))
    await button.press()
    await button.release()
    assert (tmp_path / "log").read_text() == "1\n0\n"


async def test_do_says_all_it_says_and_ends_with_its_status(script: Script, tmp_path: Path) -> None:
    run = script("run", 'head -c 300000 /dev/zero; echo "$2" >&2; exit 5')
    do = cast("Do", opened(tmp_path, kind="do", run=[run, "one"]))
    said = bytearray()

    async def slowly(data: bytes) -> None:
        await asyncio.sleep(0)
        said.extend(data)

    assert await do.perform(["two; id"], slowly) == 5
    assert bytes(said) == bytes(300000) + b"two; id\n"


async def test_a_command_that_is_called_off_is_ended_with_its_children(
    script: Script, tmp_path: Path
) -> None:
    run = script("run", "sleep 1000 & echo $! >child; echo begun; wait")
    do = cast("Do", opened(tmp_path, kind="do", run=[run]))
    begun = asyncio.Event()

    async def hear(_: bytes) -> None:
        begun.set()

    task = asyncio.create_task(do.perform([], hear))
    await begun.wait()
    child = read_process(int((tmp_path / "child").read_text()))
    assert child is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(child)


AGENT = """
import asyncio, sys
from boruta_farm.dryad.tools.programs import call
asyncio.run(call(tuple(sys.argv[1:]), 1000))
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux)")
async def test_a_command_ends_with_an_agent_that_is_killed(script: Script, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    run = script("run", "echo $$ >begun; exec sleep 1000")
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", AGENT, run)
    begun = await asyncio.to_thread((tmp_path / "begun").read_text)
    child = read_process(int(begun))
    assert child is not None
    agent.kill()
    await agent.wait()
    await gone(child)


async def test_a_picture(script: Script, tmp_path: Path) -> None:
    snap = script(
        "snap", "echo noise >&2; printf '\\211PNG\\r\\n\\032\\n'; head -c 99999 /dev/zero"
    )
    picture = await cast("Video", opened(tmp_path, kind="video", snapshot=[snap])).snapshot()
    assert (picture.media_type, len(picture.data)) == ("image/png", 8 + 99999)
    text = cast("Video", opened(tmp_path, kind="video", snapshot=["/bin/echo", "no"]))
    with pytest.raises(BoardError, match="what came is no picture"):
        await text.snapshot()


async def test_usb(script: Script, tmp_path: Path) -> None:
    usb = cast(
        "Usb",
        opened(
            tmp_path,
            kind="usb",
            list=script("list", "echo '1-1.2 18d1:4ee7 exported Pixel'; echo 1-3 0403:6001"),
            export=script("export", "echo $1 >log"),
        ),
    )
    assert await usb.devices() == (
        UsbDevice(bus_id="1-1.2", vendor_id="18d1", product_id="4ee7", name="Pixel", exported=True),
        UsbDevice(bus_id="1-3", vendor_id="0403", product_id="6001"),
    )
    await usb.export("1-3")
    assert (tmp_path / "log").read_text() == "1-3\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("echo first; echo no such pin >&2; exit 3", r"ended with status 3: no such pin$"),
        ("kill -9 $$", r"was ended by SIGKILL$"),
        ("exec sleep 1000", r"was not done within 1 s and was ended; see that it works by hand$"),
    ],
)
async def test_what_fails_is_told(
    script: Script, tmp_path: Path, text: str, complaint: str
) -> None:
    relay = script("relay", text)
    power = cast("Power", opened(tmp_path, kind="power", on=[relay], off=[relay], timeout=1))
    with pytest.raises(BoardError, match=complaint):
        await power.on()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "kind: is missing; what the tool is"),
        ({"kind": "power", "on": "true"}, "off: is missing: a tool of the kind power needs it"),
        (
            {"kind": "do", "run": "true", "on": "true"},
            "on: is no verb of the kind do; it has run",
        ),
        ({"kind": "do", "run": "no-such-program"}, "'no-such-program' is no program of this mach"),
        ({"kind": "do", "run": "./relay on"}, "'./relay' is no program of this machine; install"),
        ({"kind": "do", "run": "relay 'on"}, "cannot be read: No closing quotation; mend its"),
        ({"kind": "do", "run": []}, "must be a command, such as"),
        ({"kind": "do", "run": ["true", "a\0b"]}, "a command holds no NUL"),
    ],
)
def test_wrong_tables(tmp_path: Path, content: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        opened(tmp_path, **content)
    assert complaint in wrong.value.message


def test_what_others_can_replace_is_not_run(script: Script, tmp_path: Path) -> None:
    relay = script("relay", "true")
    Path(relay).chmod(0o777)
    with pytest.raises(ConfigError, match="others may write to"):
        opened(tmp_path, kind="do", run=relay)
    assert set(DRIVER.kinds) == {*Kind}
