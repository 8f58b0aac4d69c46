"""Hold the emulated firmware to what is known of the real one: its traps must be there."""

from collections.abc import Iterator

import pytest

from boruta_farm.testing.loop import VirtualLoop
from boruta_farm.testing.stm import Firmware


class Console:
    """Type at a chip and read what it prints."""

    def __init__(self, loop: VirtualLoop, *, echo_sticks: bool) -> None:
        self._printed = bytearray()
        self._loop = loop
        self.firmware = Firmware(self._printed.extend, echo_sticks=echo_sticks)

    def type(self, text: str, *, seconds: float = 0) -> str:
        """Type, wait, and return what was printed in the meantime."""
        self._loop.call_soon(self.firmware.receive, text.encode())
        self._loop.call_later(seconds, self._loop.stop)
        self._loop.run_forever()
        printed = self._printed.decode()
        self._printed.clear()
        return printed


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def console(loop: VirtualLoop) -> Console:
    console = Console(loop, echo_sticks=False)
    console.type("echo off\n")
    return console


def test_the_published_firmware_repeats_for_ever(loop: VirtualLoop) -> None:
    console = Console(loop, echo_sticks=True)
    assert console.type("echo off\n") == "echo off\n\rEcho is off now.\r\nOK\r\n"
    assert console.type("power\n") == "power\n\roff\r\nOK\r\n"


def test_an_older_firmware_can_be_silenced(loop: VirtualLoop) -> None:
    console = Console(loop, echo_sticks=False)
    assert console.type("echo off\n").startswith("echo off\n\r")
    assert console.type("power\n") == "off\r\nOK\r\n"


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("\n", ""),
        ("version\r\n", "MuxPi firmware v1.0\r\nOK\r\n"),
        ("mux\n", "tsOK\r\n"),
        ("POWER\n", "Unknown command\r\n"),
        ("power ONION\n", "OK\r\n"),
        ("power maybe\n", "Error processing command\r\n"),
        ("  power \t on  \n", "OK\r\n"),
        ("led 1 010 0x10 0b10\nled 1\n", "OK\r\nled1: 8,16,2\r\nOK\r\n"),
        ("led 1 256 -1 x\nled 1\n", "OK\r\nled1: 0,255,0\r\nOK\r\n"),
        ("led 1 2\n", "Error processing command\r\n"),
        ("dyper 1\n", "Error processing command\r\n"),
        ("dyper x on\n", "OK\r\n"),
        ("text 0 0 on\n", "Error processing command\r\n"),
        ("uart 3333\nuart\n", "OK\r\n1700\r\nOK\r\n"),
        ("current 7\n", "7\r\nOK\r\n"),
        ("lthor id what\nlthor id\n", "OK\r\nUART\r\nOK\r\n"),
        ("key\n", "key1: released\r\nkey2: released\r\nOK\r\n"),
    ],
)
def test_it_answers_as_the_chip_does(console: Console, typed: str, printed: str) -> None:
    assert console.type(typed) == printed


def test_long_lines_and_many_words_are_cut_silently(console: Console) -> None:
    chip = console.firmware.chip
    assert console.type("text 0 0 on " + "x" * 60 + "\n") == "OK\r\n"
    assert chip.display == ["0 0 on " + "x" * 52]
    assert chip.damage == ["52 characters in a buffer for 16"]
    console.type("clr\ntext 0 0 on 1 2 3 4 5 6 7 8\n")
    assert chip.display == ["0 0 on 1 2 3 4 5 6"]


def test_a_tick_is_answered_late_and_keeps_little_of_what_is_typed(console: Console) -> None:
    assert console.type("power tick 500\n", seconds=0.4) == ""
    assert not console.firmware.chip.relay
    assert console.type("power\n" * 8, seconds=1) == "OK\r\n" + "on\r\nOK\r\n" * 5
    assert console.firmware.lost == 16


def test_a_negative_tick_takes_weeks(console: Console) -> None:
    assert console.type("power tick -1\n", seconds=48 * 86400) == ""
    assert console.type("", seconds=2 * 86400) == "OK\r\n"


def test_a_bare_hdmi_switches_off(console: Console) -> None:
    console.type("hdmi on\nhdmi\n")
    assert not console.firmware.chip.hdmi


@pytest.mark.parametrize("command", ["adc 0", "text 0 3 on below", "draw point 128 0 on"])
def test_what_is_not_checked_does_damage(console: Console, command: str) -> None:
    assert console.type(f"{command}\n").endswith("OK\r\n")
    assert len(console.firmware.chip.damage) == 1


def test_keys_speak_at_any_moment(console: Console) -> None:
    console.firmware.press(2)
    assert console.type("") == "pressed: 2\r\n"
