"""The simulated device behaves as a small real one: power starts it, reset starts it anew."""

import os
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers import simulated as module
from boruta_farm.dryad.tools.drivers import simulated_card
from boruta_farm.dryad.tools.drivers.simulated import (
    DRIVER,
    SimulatedPower,
    SimulatedReport,
    SimulatedReset,
    SimulatedSettings,
)
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import BoardError
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


async def test_its_card_is_a_file_that_keeps_what_is_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_card, "SWITCHING", 0.0)
    for content in (b"\0", b"x"):
        card = DRIVER.open(SimulatedSettings(kind=Kind.STORAGE), bench(tmp_path / "made"))
        assert isinstance(card, Storage)
        await card.start()
        await card.give(Holder.SUPERVISOR)
        async with card.open(MediumUse.WRITE) as medium:
            assert os.lseek(medium.descriptor, 0, os.SEEK_END) == simulated_card.SIZE
            assert os.pread(medium.descriptor, 1, 0) == content
            os.pwrite(medium.descriptor, b"x", 0)
        await card.give(Holder.DUT)
        assert await card.holder() is Holder.DUT


async def test_where_no_card_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    card = DRIVER.open(SimulatedSettings(kind=Kind.STORAGE), bench(tmp_path / "file" / "made"))
    with pytest.raises(BoardError, match=r"card.img cannot be made: (Not a directory|File exists)"):
        await card.start()
