"""Root at the supervisor operates tools whoever has the board; sessions cannot come that way."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.doctor.tools import check_tools
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.dut.call import VARIABLE
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.findings import Finding, Verdict
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools import tool
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError
from tests.dryad.boards import Board, FakeDriver
from tests.dryad.doctor.configs import config
from tests.dryad.tools.benches import Lamp, OpenDoor, fit, state

TABLE = """
[tools.power]
driver = "simulated"
[tools.reset]
driver = "simulated"
kind = "button"
"""


class DoorDriver(FakeDriver):
    """A board with a door."""

    def __init__(self, door: OpenDoor) -> None:
        super().__init__(Board())
        self._door = door

    @property
    def door(self) -> OpenDoor:
        return self._door


class Supervisor:
    """A running agent's part of the tools, and ``dryad tool`` beside it."""

    def __init__(self, folder: Path) -> None:
        self.config = config(folder, tables=TABLE)
        self.config.state_dir.mkdir()
        self.lamp = Lamp()
        self.door = OpenDoor(folder / "dut.sock", lambda _: False)
        self.service = ToolService(Toolbox([fit("power", self.lamp, pause=0.0)]))
        own = self.config.state_dir / "tools.sock"
        self.driver = TooledDriver(DoorDriver(self.door), self.service, own)

    async def tool(self, *words: str) -> int:
        return await asyncio.to_thread(tool.main, ["--conf", str(self.config.path), *words])


@pytest.fixture
async def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setenv(VARIABLE, "restored after the test")
    made = Supervisor(tmp_path)
    await made.driver.start()
    yield made
    await made.driver.close()
    assert not list(made.config.state_dir.glob("*.sock"))


async def test_it_acts_at_any_time(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await supervisor.tool("power", "off") == Status.DONE
    supervisor.service.look(state())
    assert await supervisor.tool("--json") == Status.DONE
    assert json.loads(capsys.readouterr().out)["tools"][0]["state"] == "off"
    supervisor.lamp.gate.clear()
    acting = asyncio.create_task(supervisor.tool("power", "on"))
    supervisor.lamp.entered.clear()
    await supervisor.lamp.entered.wait()
    # The end of somebody's job does not concern it.
    supervisor.service.look(state(phase=Phase.ENDING))
    await supervisor.service.settle()
    supervisor.lamp.gate.set()
    assert await acting == Status.DONE
    assert supervisor.lamp.calls == ["off", "on"]


async def test_a_session_of_the_same_user_cannot_come_that_way(supervisor: Supervisor) -> None:
    supervisor.service.look(state())
    supervisor.door.lets = lambda _: True
    assert await supervisor.tool("power", "off") == Status.OVER
    assert supervisor.lamp.calls == []


async def test_without_agent_or_tools_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lonely = Supervisor(tmp_path)
    assert await lonely.tool("power", "off") == tool.FAILED
    assert "the agent does not run; start it: systemctl start dryad" in capsys.readouterr().err
    config(tmp_path)
    assert await lonely.tool() == tool.FAILED
    assert "declares no tools; dryad detect looks for some" in capsys.readouterr().err


async def checked(supervisor: Supervisor) -> list[Finding]:
    return list(await check_tools(supervisor.config, supervisor.driver))


async def test_the_doctor_asks_the_running_agent(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    [finding] = await checked(supervisor)
    assert (finding.verdict, finding.fact) == (Verdict.GOOD, "power (power): on, 3.2 W")
    supervisor.lamp.lit = None
    [finding] = await checked(supervisor)
    assert finding.verdict is Verdict.ADVICE
    assert "cannot be read, so no clean-up proves that it is off" in finding.fact

    async def fail() -> None:
        raise BoardError("no relay answers; plug it in")

    monkeypatch.setattr(supervisor.lamp, "state", fail)
    [finding] = await checked(supervisor)
    assert finding.verdict is Verdict.WRONG
    assert (finding.fact, finding.remedy) == ("tool power: no relay answers", "plug it in")
    assert supervisor.lamp.calls == []


async def test_the_doctor_asks_tools_itself_where_no_agent_runs(tmp_path: Path) -> None:
    lonely = Supervisor(tmp_path)
    told = [(finding.verdict, finding.fact) for finding in await checked(lonely)]
    assert told == [
        (Verdict.GOOD, "power (power): off, 0.0 W"),
        (Verdict.GOOD, "reset (button): is declared; nothing can be read"),
    ]
    lonely.driver = TooledDriver(FakeDriver(Board()), lonely.service)
    assert (await checked(lonely))[0].verdict is Verdict.ADVICE


def test_an_option_behind_the_verb_is_not_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tool.main(["power", "on", "--conf", "other.conf"])
    assert ended.value.code == Status.USAGE
    told = "--conf stands before the verb: dryad tool --conf FILE power ..."
    assert told in capsys.readouterr().err
