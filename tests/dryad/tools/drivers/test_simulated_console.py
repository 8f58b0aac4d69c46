"""The simulated device's boot loader answers on a real console, as long as it has power."""

from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.drivers import simulated
from boruta_farm.dryad.tools.drivers.simulated import DRIVER, SimulatedPower, SimulatedSettings
from boruta_farm.dryad.tools.drivers.simulated_console import SimulatedConsole
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.toolbox import Toolbox
from tests.dryad.tools.benches import bench, fit
from tests.dryad.tools.console.lines import until

UUID = "5a0c1b1e-0d0e-4b5e-9d35-0f5d0a1c9b77"
"""A device of its own: those of a board are shared."""


async def test_it_boots_to_a_prompt_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "SWITCHING", 0.0)
    power = DRIVER.open(SimulatedSettings(kind=Kind.POWER), replace(bench(tmp_path), uuid=UUID))
    console = DRIVER.open(
        SimulatedSettings(kind=Kind.CONSOLE), replace(bench(tmp_path / ("x" * 100)), uuid=UUID)
    )
    assert isinstance(power, SimulatedPower)
    assert isinstance(console, SimulatedConsole)
    toolbox = Toolbox([fit("uart", console), fit("power", power)])
    consoles = Consoles(toolbox, tmp_path)
    await toolbox.start()
    await consoles.start(None)
    await until(lambda: console.desk.held and console.connected)
    kept = console.desk.kept
    await kept.write(b"lost\r")
    await power.on()
    await until(lambda: kept.ring.read(0, 1000)[1].endswith(b"imagined\r\n=> "))
    await kept.write(b"verx\x7fsion\r")
    await until(lambda: kept.ring.read(0, 1000)[1].endswith(b"agent\r\n=> "))
    await kept.write(b"dance\rreset\r")
    await until(lambda: kept.ring.read(0, 1000)[1].count(b"Simulated boot loader") == 2)
    assert b"Unknown command 'dance' - try 'help'\r\n" in kept.ring.read(0, 1000)[1]
    assert b"lost" not in kept.ring.read(0, 1000)[1]
    device = power.device
    device.card = tmp_path / "card"
    device.card.write_bytes(b"echo from the card\necho \x1b[2J\n" + bytes(1000))
    await kept.write(b"reset\r")
    await until(lambda: kept.ring.read(0, 2000)[1].endswith(b"imagined\r\nfrom the card\r\n=> "))
    await consoles.close()
    await toolbox.close()
