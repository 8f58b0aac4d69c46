"""Between jobs every tool is as its table says, and what cannot be proved is named."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.tools import toolbox as module
from boruta_farm.dryad.tools.acts.power import BetweenJobs
from boruta_farm.dryad.tools.base import ToolSettings
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError
from tests.dryad.tools.benches import Knob, Lamp, fit


async def test_power_is_off_and_buttons_are_released() -> None:
    lamp, knob = Lamp(), Knob()
    box = Toolbox([fit("power", lamp), fit("reset", knob)])
    assert not box.proves_reset
    await box.reset()
    assert (lamp.calls, knob.calls) == (["off"], ["release"])
    assert not box.unproved
    assert box.proves_reset


@pytest.mark.parametrize(
    ("between", "calls", "unproved"),
    [
        (BetweenJobs.OFF, ["off"], ()),
        (BetweenJobs.ON, ["on"], ()),
        (BetweenJobs.AS_IT_IS, [], ("power",)),
    ],
)
async def test_the_table_says_how_power_is_left(
    between: BetweenJobs, calls: list[str], unproved: tuple[str, ...]
) -> None:
    lamp = Lamp()
    box = Toolbox([fit("power", lamp, between_jobs=between)])
    await box.reset()
    assert (lamp.calls, box.unproved) == (calls, unproved)


async def test_power_that_cannot_be_read_back_is_not_proved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lamp = Lamp()

    async def off() -> None:
        lamp.lit = None

    monkeypatch.setattr(lamp, "off", off)
    box = Toolbox([fit("power", lamp)])
    await box.reset()
    assert box.unproved == ("power",)
    assert not box.proves_reset


async def test_one_that_fails_keeps_no_other_from_its_reset() -> None:
    lamp, knob = Lamp(), Knob()
    lamp.gate.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BRIEF", 0.02)
        with pytest.raises(BoardError, match=r"^tool power: no answer within 0\.02 s; see that"):
            await Toolbox([fit("power", lamp), fit("reset", knob)]).reset()
    assert knob.calls == ["release"]


async def test_health_asks_those_whose_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lamp = Lamp()

    async def fail() -> None:
        raise BoardError("the socket does not answer")

    monkeypatch.setattr(lamp, "state", fail)
    tool = fit("power", lamp)
    await Toolbox([tool]).check_health()
    asked = type(tool.settings)(driver="fake", health=True)
    box = Toolbox(
        [type(tool)(name="power", tool=lamp, kind=tool.kind, settings=asked, table=tool.table)]
    )
    with pytest.raises(BoardError, match="tool power: the socket does not answer"):
        await box.check_health()


async def test_power_that_cannot_be_read_is_not_well() -> None:
    lamp = Lamp()
    box = Toolbox([replace(fit("power", lamp), settings=ToolSettings(driver="fake", health=True))])
    await box.check_health()
    lamp.lit = None
    with pytest.raises(BoardError, match="tool power: it does not tell whether the power is on"):
        await box.check_health()


def test_capabilities_name_the_kinds(tmp_path: Path) -> None:
    box = Toolbox([fit("reset", Knob()), fit("boot", Knob()), fit("power", Lamp())])
    assert box.capabilities == {"tool.button": "yes", "tool.power": "yes"}


async def test_power_is_reset_before_all_others() -> None:
    """Whatever the order of the tables: no card is taken from a device that runs."""
    lamp, knob = Lamp(), Knob()
    lamp.gate.clear()
    toolbox = Toolbox([fit("reset", knob), fit("power", lamp)])
    task = asyncio.create_task(toolbox.reset())
    await lamp.entered.wait()
    assert knob.calls == []
    lamp.gate.set()
    await task
    assert knob.calls == ["release"]
    assert toolbox.unproved == ()
