"""A wrong table stops the start: file, line, key, what is wrong and what would be right."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from boruta_farm.dryad import checking
from boruta_farm.dryad.plugins import find
from boruta_farm.dryad.tools import opening
from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Whole
from boruta_farm.settings.table import SettingError
from tests.dryad.doctor.configs import config
from tests.dryad.tools.benches import Knob, Lamp

POWER = """
[tools.power]
driver = "lamp"
socket = 3
about = "bench relay 3"  # a remark
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    socket: int = setting(Whole(1, 8), "The socket that the lamp is plugged into.")


class OpenedLamp(Lamp):
    """A lamp that remembers how it was opened."""

    def __init__(self, settings: SocketSettings, bench: Bench) -> None:
        super().__init__()
        if settings.socket == 8:
            raise SettingError("8 is the coffee machine's; choose another", "socket")
        self.settings, self.bench = settings, bench


class Impostor(Tool):
    """Says that it is power, and has none of its methods."""

    kind = Kind.POWER


def _fail(_: SocketSettings, bench: Bench) -> Tool:
    raise ZeroDivisionError(bench.board)


BOTH = (Kind.POWER, Kind.BUTTON)
DRIVERS: dict[str, Any] = {
    "lamp": ToolDriver(settings=SocketSettings, kinds=BOTH, open=OpenedLamp),
    "faulty": ToolDriver(settings=SocketSettings, kinds=BOTH, open=_fail),
    "impostor": ToolDriver(settings=SocketSettings, kinds=BOTH, open=lambda *_: Impostor()),
    "wrong": ToolDriver(settings=SocketSettings, kinds=BOTH, open=cast("Any", lambda *_: "text")),
    "other": ToolDriver(settings=SocketSettings, kinds=(Kind.POWER,), open=lambda *_: Knob()),
}


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        opening, "find", lambda group, name, made: DRIVERS.get(name) or find(group, name, made)
    )


def test_tools_are_opened_with_their_tables(tmp_path: Path) -> None:
    toolbox, told = open_tools(config(tmp_path, tables=POWER + 'between_jobs = "on"'))
    [tool] = toolbox
    assert isinstance(tool.tool, OpenedLamp)
    assert (tool.name, tool.settings.about) == ("power", "bench relay 3")
    assert tool.tool.settings.socket == 3
    assert tool.tool.bench.folder == tmp_path / "state" / "tools" / "power"
    assert getattr(tool.table, "between_jobs", None) == "on"
    assert told.caps["tool.power"] == "yes"


def test_without_tables_there_are_no_tools(tmp_path: Path) -> None:
    toolbox, told = open_tools(config(tmp_path))
    assert len(toolbox) == 0
    assert set(told.caps) == {"UUID"}


@pytest.mark.parametrize(
    ("tables", "line", "complaint"),
    [
        (POWER.replace("3\n", "9\n"), 10, "tools.power.socket: 9 must lie between 1 and 8"),
        (POWER.replace("3\n", "8\n"), 10, "tools.power.socket: 8 is the coffee machine's; choose"),
        (
            POWER.replace("socket", "sockte"),
            10,
            "sockte: there is no such setting; did you mean so",
        ),
        (POWER + "hold = 1", 12, "tools.power.hold: there is no such setting"),
        (POWER + "between_jobs = 'dim'", 12, "'dim' is none of off, on, as-it-is"),
        (
            POWER.replace('"lamp"', '"lmp"'),
            9,
            "tools.power.driver: no installed package brings",
        ),
        (POWER.replace("lamp", "faulty"), 9, "tools.power.driver: 'faulty' cannot be opened: Zero"),
        (
            POWER.replace("lamp", "impostor"),
            9,
            "lacks methods of the kind power; mend or",
        ),
        (POWER.replace("lamp", "wrong"), 9, "which is no Tool of its kinds; mend its package"),
        (POWER.replace("lamp", "other"), 9, "which is no Tool of its kinds; mend its package"),
        ("[tools.power]\nsocket = 1", 7, "tools.power.driver: is missing; what operates the tool"),
        ('[tools.Power]\ndriver = "lamp"', 7, "tools.Power: no tool can be called so; use up to"),
        ("[tools]\npower = 3", 8, "tools.power: 3 must be a table, or names with values in braces"),
        ('[tools]\npower = { driver = "lamp", socket = 9 }', 8, "tools.power.socket: 9 must lie"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, tables: str, line: int, complaint: str
) -> None:
    wrong = config(tmp_path, tables=tables)
    with pytest.raises(ConfigError) as told:
        open_tools(wrong)
    assert told.value.message.startswith(f"{tmp_path / 'dryad.conf'}, line {line}: tools")
    assert complaint in told.value.message
    assert told.value.message.isprintable()
    assert [told.value.message] == list(checking.troubles(tmp_path / "dryad.conf"))


def test_capabilities_of_tools_are_told_by_the_agent_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the agent tells itself which tools there are; declare"):
        config(tmp_path, tables='"tool.power" = "yes"')
