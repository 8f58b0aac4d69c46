import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.dryad.stm.errors import (
    ArgumentError,
    PortError,
    ResponseError,
    SilenceError,
)
from boruta_farm.dryad.stm.line import Line
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.stm_ports import MemoryLine

Story = Callable[[MemoryLine, Line], Awaitable[None]]


def tell(
    story: Story, *, echo_sticks: bool = True, piece: int = 4096, latency: float = 0.0
) -> None:
    """Run a story about a line to an emulated chip, in virtual time."""

    async def run() -> None:
        memory = MemoryLine(echo_sticks=echo_sticks, piece=piece, latency=latency)
        line = Line(memory.open)
        try:
            await story(memory, line)
        finally:
            await line.close()
            memory.firmware.close()

    run_virtual(run())


def seconds() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("echo_sticks", [True, False])
@pytest.mark.parametrize("piece", [1, 4096])
def test_both_worlds_give_the_same_values(echo_sticks: bool, piece: int) -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        assert await line.ask("version") == ("MuxPi firmware v1.0",)
        assert await line.ask("power") == ("off",)
        assert await line.ask("mux") == ("ts",)
        assert await line.ask("dut") == ()
        assert await line.ask("mux") == ("dut",)
        assert len(await line.ask("help")) > 10
        assert memory.firmware.commands[0] == "echo off"
        assert memory.firmware.commands.count("echo off") == 1

    tell(story, echo_sticks=echo_sticks, piece=piece)


def test_the_line_is_opened_at_the_first_command() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        assert memory.opened == 0
        await asyncio.gather(line.ask("version"), line.ask("version"))
        assert memory.opened == 1

    tell(story)


def test_half_a_command_of_somebody_before_us_is_ended() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        memory.firmware.receive(b"vers")
        assert await line.ask("version") == ("MuxPi firmware v1.0",)
        assert memory.firmware.commands == ["vers", "echo off", "version"]

    tell(story)


def test_a_tick_is_answered_when_it_is_over() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        start = seconds()
        await line.ask("power tick 30000", extra=30)
        assert seconds() - start == pytest.approx(30)
        assert await line.ask("power") == ("on",)

    tell(story)


def test_commands_wait_for_their_turn() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        commands = ["power tick 5000", *(f"led 1 0 0 {blue}" for blue in range(20)), "mux"]
        answers = await asyncio.gather(*(line.ask(each, extra=5) for each in commands))
        assert answers == [()] * 21 + [("ts",)]
        assert memory.firmware.commands == ["echo off", *commands]
        assert memory.firmware.lost == 0

    tell(story)


def test_a_refusal_is_told_and_harms_nothing() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        with pytest.raises(
            ResponseError, match=r"^unexpected response: Error processing command \(to 'dyper 1'\)$"
        ):
            await line.ask("dyper 1")
        assert await line.ask("power") == ("off",)
        assert memory.firmware.commands.count("echo off") == 1

    tell(story)


def test_noise_before_a_command_makes_it_go_out_again() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        memory.firmware.receive(b"#")
        assert await line.ask("dut") == ()
        assert memory.firmware.commands == ["echo off", "version", "#dut", "echo off", "dut"]

    tell(story)


def test_a_command_that_the_chip_does_not_know_is_repeated_once() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        with pytest.raises(ResponseError, match="Unknown command"):
            await line.ask("reset")
        assert memory.firmware.commands.count("reset") == 2

    tell(story)


def test_noise_between_commands_is_dropped() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        memory.deliver(b"\xff\x00garbage\r\nOK\r\n1234")
        assert await line.ask("power") == ("off",)
        memory.firmware.press(1)
        memory.deliver(b"pres")
        asyncio.get_running_loop().call_soon(memory.deliver, b"sed: 2\r\n")
        memory.firmware.silent = True
        reading = asyncio.create_task(line.ask("power"))
        await asyncio.sleep(1)
        memory.deliver(b"on\r\nOK\r\n")
        assert await reading == ("on",)

    tell(story)


def test_a_dead_chip_is_told_within_the_commands_time() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        memory.firmware.silent = True
        with pytest.raises(SilenceError, match="no orderly reply on the line in memory within 2 s"):
            await line.ask("version")
        assert seconds() == pytest.approx(2)
        memory.firmware.silent = False
        await line.ask("version")
        memory.firmware.silent = True
        start = seconds()
        with pytest.raises(SilenceError, match=r"no reply to 'power tick 500' .* within 2.5 s"):
            await line.ask("power tick 500", extra=0.5)
        assert seconds() - start == pytest.approx(2.5)
        memory.firmware.silent = False
        assert await line.ask("mux") == ("ts",)

    tell(story)


def test_a_babbling_line_is_told_in_time() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        async def babble() -> None:
            while True:
                memory.deliver(b"U")
                await asyncio.sleep(0.01)

        babbling = asyncio.create_task(babble())
        with pytest.raises(SilenceError):
            await line.ask("version")
        babbling.cancel()
        assert await line.ask("version") == ("MuxPi firmware v1.0",)

    tell(story)


@pytest.mark.parametrize("echo_sticks", [True, False])
@pytest.mark.parametrize("latency", [0, 0.005])
def test_a_late_reply_is_never_taken_for_anothers(echo_sticks: bool, latency: float) -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        ticking = asyncio.create_task(line.ask("power tick 60000", extra=60))
        await asyncio.sleep(1)
        ticking.cancel()
        # It has to wait for the chip, and must see the relay as it is after the tick.
        assert await line.ask("power") == ("on",)
        assert seconds() >= 60
        assert memory.firmware.lost == 0

    tell(story, echo_sticks=echo_sticks, latency=latency)


def test_a_doubtful_reply_makes_the_next_command_find_its_step_first() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        line.doubt()
        await line.ask("power")
        assert memory.firmware.commands == ["echo off", "version", "echo off", "power"]

    tell(story)


def test_a_restarted_chip_is_found_again() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("dut")
        memory.firmware.restart()
        memory.deliver(b"\x00\xff")
        assert await line.ask("power") == ("off",)

    tell(story, echo_sticks=False)


def test_a_lost_line_is_opened_again() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("dut")
        memory.firmware.silent = True
        waiting = asyncio.create_task(line.ask("power"))
        await asyncio.sleep(1)
        memory.unplug()
        with pytest.raises(PortError, match="lost"):
            await waiting
        with pytest.raises(PortError, match="unplugged"):
            await line.ask("power")
        memory.plug()
        memory.firmware.silent = False
        assert await line.ask("power") == ("on",)
        assert memory.opened == 2

    tell(story)


def test_commands_that_the_chip_would_misread_are_not_sent() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        for command in ("text 0 0 on a\npower off", "", "x" * 65):
            with pytest.raises(ArgumentError, match="a command is one line"):
                await line.ask(command)
        assert memory.opened == 0

    tell(story)


def test_closing_ends_those_who_wait_and_stays() -> None:
    async def story(memory: MemoryLine, line: Line) -> None:
        await line.ask("version")
        waiting = asyncio.create_task(line.ask("power tick 1000", extra=1))
        await asyncio.sleep(0.5)
        await line.close()
        with pytest.raises(PortError):
            await waiting
        with pytest.raises(PortError, match="was closed"):
            await line.ask("version")
        assert memory.opened == 1

    tell(story)
