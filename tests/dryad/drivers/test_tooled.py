"""A board with tools: put back between jobs, told of, operated from a real sandbox's session."""

import json

import pytest

from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.main import HELLO
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.acts.power import BetweenJobs
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError
from tests.dryad.boards import Board, FakeDriver
from tests.dryad.drivers.sandboxes import Visitor, run
from tests.dryad.tools.benches import EPOCH, Chore, Knob, Lamp, fit, state


class PlainDriver(FakeDriver):
    """A board of which nothing is reset but the session."""

    async def facts(self) -> dict[str, str]:
        return {"Not reset": "device under test, disk"}


def tooled(lamp: Lamp, between: BetweenJobs = BetweenJobs.OFF) -> tuple[Board, Driver]:
    board = Board()
    tools = [fit("power", lamp, between_jobs=between), fit("reset", Knob())]
    return board, TooledDriver(PlainDriver(board), ToolService(Toolbox(tools)))


async def test_the_clean_up_puts_tools_back_and_says_what_it_proved() -> None:
    lamp = Lamp()
    _, driver = tooled(lamp)
    await driver.start()
    told = {"Tools": "power, reset (button)", "Not reset": "device under test, disk, power, reset"}
    assert await driver.facts() == told
    await driver.clean()
    assert lamp.calls == ["off"]
    assert (await driver.facts())["Not reset"] == "disk"
    await driver.close()


async def test_what_is_left_as_it_is_is_told() -> None:
    _, driver = tooled(Lamp(), BetweenJobs.AS_IT_IS)
    await driver.clean()
    assert (await driver.facts())["Not reset"] == "device under test, disk, power"


async def test_a_tool_that_cannot_be_put_back_fails_the_clean_up_after_the_session_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lamp = Lamp()
    board, driver = tooled(lamp)

    async def fail() -> None:
        raise BoardError("the relay does not answer")

    monkeypatch.setattr(lamp, "off", fail)
    board.key = "somebody"
    with pytest.raises(BoardError, match="tool power: the relay does not answer"):
        await driver.clean()
    assert board.key is None


async def test_a_session_of_a_sandbox_operates_them_and_nobody_else_of_its_user_does(
    config: SandboxConfig, visitor: Visitor
) -> None:
    lamp = Lamp()
    service = ToolService(Toolbox([fit("power", lamp), fit("greet", Chore(), arguments=True)]))
    sandbox = SandboxDriver(config)
    driver = TooledDriver(sandbox, service)
    await driver.start()
    try:
        await driver.prepare(visitor.public)
        service.look(state())
        done = await visitor.ssh(sandbox, "dut power off && dut --json && dut do greet you")
        assert (done.status, done.err) == (1, b""), "the chore's own status is its number of words"
        told, greeting = done.out.decode().splitlines()
        assert [tool["state"] for tool in json.loads(told)["tools"]] == ["off", ""]
        assert greeting == "you"

        shell = visitor.command(sandbox, "-tt")
        # A login shell, whose path the machine's own files set anew.
        said = (await run(*shell, data=b"dut power state\nexit\n")).out.decode()
        assert said.startswith(f"{HELLO}\r\n")
        assert "\roff\r\n" in said

        # The agent's own user finds the socket, but from outside of the session.
        dut = str(config.directory / "bin" / "dut")
        place = f"BORUTA_DUT={config.directory / 'dut.sock'}"
        stranger = await run("env", "-u", "BORUTA_SESSION", place, dut, "power", "on")
        assert stranger.status == Status.OVER
        assert lamp.calls == ["off"]

        service.look(state(phase=Phase.ENDING))
        await driver.clean()
        await driver.prepare(visitor.public)
        service.look(state(EPOCH + 1))
        assert (await visitor.ssh(sandbox, "dut power on")).status == 0
        assert lamp.calls == ["off", "off", "on"]
    finally:
        service.look(state(phase=Phase.ENDING))
        await driver.clean()
        await driver.close()
