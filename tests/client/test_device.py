"""The device of a lent board from Python: real dut, real ssh, tools without hardware."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm import borrow
from boruta_farm.client.device import DeviceError, PowerReading, device_line
from boruta_farm.dryad.tools.drivers.block import DRIVER, BlockSettings
from boruta_farm.model.errors import ConfigError
from tests.client.board import reachable_board
from tests.client.serving import Served
from tests.dryad.images.pictures import MIB, bmap_of, card, noise
from tests.dryad.tools.benches import Chore, Knob, Lamp, Screen, bench, fit

BOARD = {"board": "rpi4"}


class Device:
    """The tools of the board."""

    def __init__(self, folder: Path) -> None:
        self.lamp, self.knob, self.chore = Lamp(), Knob(), Chore()
        self.card = card(folder)


@pytest.fixture
def device(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Let the farm lend a board with tools."""
    for name in ("runtime", "configuration"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("BORUTA_SERVER", served.address)
    made = Device(tmp_path)
    tools = (
        fit("power", made.lamp, pause=0.0),
        fit("reset", made.knob, hold=0.0),
        fit("greet", made.chore, arguments=True),
        fit("hdmi", Screen()),
        fit("sd", DRIVER.open(BlockSettings(device=made.card), bench(tmp_path))),
    )
    with reachable_board(tmp_path / "board", tools) as (access, _):
        served.board(1, "lab", caps=BOARD)
        served.lead_to(access)
        yield made


def test_plain_code(device: Device, tmp_path: Path) -> None:
    with borrow(BOARD) as board:
        board.power.off()
        assert board.power.state() == PowerReading(on=False)
        board.power.cycle(0)
        board.power.named("power").on()
        assert device.lamp.calls == ["off", "off", "on", "on"]
        board.press("reset", 0.0)
        assert device.knob.calls == ["press", "release"]
        done = board.do("greet", "two words", "$HOME")
        assert (done.returncode, done.stdout) == (2, "two words $HOME\n")
        assert board.screen.snap(tmp_path / "shot.png") == b"picture"
        assert (tmp_path / "shot.png").read_bytes() == b"picture"
        with pytest.raises(
            DeviceError, match=r"^this board has no tool 'relay9', of the kind"
        ) as no:
            board.power.named("relay9").on()
        assert no.value.status == 2
        with pytest.raises(DeviceError, match="no tool 'vga', of the kind video only hdmi"):
            board.screen.named("vga").snap()


def test_an_image_is_streamed_with_its_sum_behind_it(device: Device, tmp_path: Path) -> None:
    image, bmap = tmp_path / "a.img", tmp_path / "a.bmap"
    image.write_bytes(noise(MIB))
    bmap.write_bytes(bmap_of(noise(MIB), [(1, 2)]))
    with borrow(BOARD) as board:
        done = board.flash(image, bmap=bmap)
        assert (done.bytes, done.verified) == (8192, True)
        content = device.card.read_bytes()
        assert content[4096:12288] == noise(MIB)[4096:12288]
        assert content[12288:] == b"\xee" * (3 * MIB - 12288)
        assert board.flash(str(image), "sd", verify=False, keep=True).verified is False
        assert device.card.read_bytes()[:MIB] == noise(MIB)
        with pytest.raises(DeviceError, match=r"the image has the sha256 .*, not 0000"):
            board.flash(image, sha256="0" * 64)
        with pytest.raises(DeviceError, match="this board takes no images from addresses"):
            board.flash("https://images.example/a.img")
        with pytest.raises(ConfigError, match=r"none\.img cannot be read: No such file"):
            board.flash(tmp_path / "none.img")


async def test_async_code(device: Device) -> None:
    async with borrow(BOARD) as board:
        await board.power.cycle()
        assert await board.power.state() == PowerReading(on=True, watts=3.25)
        await board.press()
        assert (await board.do("greet", "you")).stdout == "you\n"
    assert device.lamp.calls == ["off", "on"]
    assert device.knob.calls == ["press", "release"]


def run_line(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a line on a board that has one program, which says how it was called."""
    folder.mkdir()
    if program:
        path = folder / program
        path.write_text('#!/bin/sh\necho "${0##*/}" "$@"\n')
        path.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-c", device_line(*words)],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("program", "words", "said"),
    [
        ("dut", ("power", "cycle", "a b"), "dut power cycle a b"),
        ("stm", ("power", "on"), "stm -dut"),
        ("stm", ("power", "off"), "stm -ts"),
        ("stm", ("power", "cycle", "5s"), "stm -tick"),
    ],
)
def test_a_muxpi_of_the_originals_uses_its_stm(
    tmp_path: Path, program: str, words: tuple[str, ...], said: str
) -> None:
    assert run_line(tmp_path / "bin", program, *words).stdout == f"{said}\n"


@pytest.mark.parametrize(
    ("program", "words"), [("", ("power", "on")), ("stm", ("press",)), ("stm", ("power", "state"))]
)
def test_a_board_without_either_says_so(
    tmp_path: Path, program: str, words: tuple[str, ...]
) -> None:
    done = run_line(tmp_path / "bin", program, *words)
    assert done.returncode == 2
    assert done.stderr == "boruta: this board has no dut: its agent is too old, or the original's\n"
