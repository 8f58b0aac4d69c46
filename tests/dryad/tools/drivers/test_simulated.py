"""The simulated device behaves as a small real one: power starts it, reset starts it anew."""

from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers import simulated as module
from boruta_farm.dryad.tools.drivers.simulated import (
    DRIVER,
    SimulatedPower,
    SimulatedReport,
    SimulatedReset,
    SimulatedSettings,
)
from boruta_farm.dryad.tools.kind import Kind
from tests.dryad.tools.benches import bench


async def test_all_tools_of_a_board_act_on_one_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWITCHING", 0.0)
    power, reset, report = (
        DRIVER.open(SimulatedSettings(kind=kind), bench(tmp_path))
        for kind in (Kind.POWER, Kind.BUTTON, Kind.DO)
    )
    assert isinstance(power, SimulatedPower)
    assert isinstance(reset, SimulatedReset)
    assert isinstance(report, SimulatedReport)
    said: list[bytes] = []

    async def hear(data: bytes) -> None:
        said.append(data)

    async def ask() -> str:
        assert await report.perform([], hear) == 0
        return said[-1].decode()

    assert (await power.state()).on is False
    assert await ask() == "a simulated device: off\n"
    await power.on()
    assert (await power.state()).watts == module.WATTS
    await reset.press()
    assert await ask() == "a simulated device: held in reset\n"
    await reset.release()
    await power.cycle(0.0)
    assert await ask() == "a simulated device: on for 0 s, started 3 times\n"
    await power.off()
    await reset.release()
    assert (await power.state()).on is False
