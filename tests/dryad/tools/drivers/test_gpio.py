"""A line is held by a gpioset that lives; both versions of its programs are played by scripts."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.gpio import DRIVER, GpioButton, GpioLine, GpioPower
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import opened, program

GPIOSET = """
[ "$1" != --version ] || {{ echo "gpioset (libgpiod) v{version}"; exit 0; }}
echo "$*" >>log
case "$*" in *9=*) echo "gpioset: error: line 9 is busy" >&2; exit 1 ;; esac
exec sleep 1000
"""
GPIOGET = 'echo "$*" >>log; cat sensed'


def line(folder: Path, version: str, **content: object) -> GpioLine:
    gpioset = program(folder, "gpioset", GPIOSET.format(version=version))
    gpioget = program(folder, "gpioget", GPIOGET)
    own = {"kind": "power", "line": 4, "gpioset": gpioset, "gpioget": gpioget, **content}
    tool = opened(DRIVER, folder, **own)
    assert isinstance(tool, GpioLine)
    return tool


async def said(folder: Path, count: int) -> list[str]:
    """Return what the programs were told, as soon as there are so many lines."""
    log = folder / "log"
    while len(lines := await asyncio.to_thread(_lines, log)) < count:
        pass
    return lines


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.6.3", "--mode=signal gpiochip0"), ("2.1.2", "-c gpiochip0")],
)
async def test_power_is_driven_for_as_long_as_the_agent_lives(
    tmp_path: Path, version: str, words: str
) -> None:
    tool = line(tmp_path, version)
    assert isinstance(tool, GpioPower)
    assert (await tool.state()).on is None
    await tool.on()
    assert (await tool.state()).on is True
    await tool.off()
    assert (await tool.state()).on is False
    assert await said(tmp_path, 2) == [f"{words} 4=1", f"{words} 4=0"]
    await tool.close()
    assert (await tool.state()).on is None


@pytest.mark.parametrize(
    ("version", "words"), [("1.6.3", "gpiochip0 5"), ("2.1.2", "--numeric -c gpiochip0 5")]
)
async def test_another_line_may_sense_it(tmp_path: Path, version: str, words: str) -> None:
    tool = line(tmp_path, version, sense=5)
    assert isinstance(tool, GpioPower)
    for told, on in (("1", True), ("0", False), ("?", None)):
        (tmp_path / "sensed").write_text(told)
        assert (await tool.state()).on is on
    assert await said(tmp_path, 3) == [words] * 3


async def test_a_button_that_is_low_when_pressed(tmp_path: Path) -> None:
    tool = line(tmp_path, "2.0", kind="button", active_low=True)
    assert isinstance(tool, GpioButton)
    await tool.press()
    await tool.release()
    words = "--active-low -c gpiochip0"
    assert await said(tmp_path, 2) == [f"{words} 4=1", f"{words} 4=0"]
    await tool.close()


async def test_a_line_that_cannot_be_held_is_told(tmp_path: Path) -> None:
    tool = line(tmp_path, "2.0", line=9)
    assert isinstance(tool, GpioPower)
    with pytest.raises(BoardError, match="does not hold the line: gpioset: error: line 9 is busy"):
        await tool.on()
    assert (await tool.state()).on is None


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gpio makes none of these, only power, button"):
        line(tmp_path, "2.0", kind="net")
