"""A reader of which commands switch the card, and what it says when there is none."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools import media
from boruta_farm.dryad.tools.acts.storage import flash
from boruta_farm.dryad.tools.door import listen
from boruta_farm.dryad.tools.drivers.block import DRIVER, BlockSettings, BlockStorage
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.tools.moving import HALF
from boruta_farm.dryad.users.helper import Helper
from boruta_farm.dryad.users.local import LocalHost
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.images.pictures import MIB, noise
from tests.dryad.loops import loop_device, small_disk
from tests.dryad.tools.benches import bench
from tests.dryad.tools.drivers.stages import opened


def block(folder: Path, **content: object) -> BlockStorage:
    """Return the tool of a table."""
    tool = opened(DRIVER, folder, **content)
    assert isinstance(tool, BlockStorage)
    assert isinstance(tool, Storage)
    return tool


async def test_a_reader_of_which_nothing_is_switched(tmp_path: Path) -> None:
    (tmp_path / "card").write_bytes(b"x")
    tool = block(tmp_path, device=str(tmp_path / "card"))
    assert await tool.holder() is Holder.SUPERVISOR
    await tool.give(Holder.DUT)
    assert await tool.holder() is Holder.SUPERVISOR


async def test_commands_switch_it_and_the_card_is_waited_for(tmp_path: Path) -> None:
    card = tmp_path / "card"
    tool = block(
        tmp_path,
        device=str(card),
        to_supervisor=["/bin/cp", "/etc/hostname", str(card)],
        to_dut=["/bin/rm", str(card)],
    )
    assert await tool.holder() is Holder.UNKNOWN
    await tool.give(Holder.SUPERVISOR)
    assert await tool.holder() is Holder.SUPERVISOR
    await tool.give(Holder.DUT)
    assert not card.exists()
    assert await tool.holder() is Holder.DUT


async def test_a_switch_that_fails(tmp_path: Path) -> None:
    tool = block(tmp_path, device="/none", to_supervisor="true", to_dut="false")
    with pytest.raises(BoardError, match="false ended with status 1"):
        await tool.give(Holder.DUT)
    assert await tool.holder() is Holder.UNKNOWN


async def test_a_card_that_does_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "THERE_WITHIN", 0.0)
    tool = block(tmp_path, device=str(tmp_path / "card"))
    with pytest.raises(BoardError, match=r"there is no medium .* is the card in"):
        await tool.give(Holder.SUPERVISOR)
    (tmp_path / "card").write_bytes(b"")
    with pytest.raises(BoardError, match="card holds no medium; is the card in"):
        await tool.give(Holder.SUPERVISOR)


async def test_a_real_device(tmp_path: Path) -> None:
    with loop_device(tmp_path) as device:
        tool = block(tmp_path, device=str(device))
        await tool.give(Holder.SUPERVISOR)
        async with tool.open(MediumUse.WRITE):
            with pytest.raises(BoardError, match="something on this machine uses it"):
                async with tool.open(MediumUse.READ):
                    pass


async def test_an_agent_that_is_not_root_has_it_opened_by_the_helper(tmp_path: Path) -> None:
    with loop_device(tmp_path) as device:
        host = LocalHost("u", UserSettings(), tmp_path / "f.conf", devices={"sd": device})
        helper = Helper(host, os.geteuid())
        await helper.start(listen(tmp_path / "helper.sock"))
        place = replace(bench(tmp_path), tool="sd", helper=tmp_path / "helper.sock")
        tool = DRIVER.open(BlockSettings(device=device), place)
        assert isinstance(tool, BlockStorage)
        await tool.give(Holder.SUPERVISOR)
        async with tool.open(MediumUse.WRITE) as medium:
            assert os.pwrite(medium.descriptor, b"x", 0) == 1
            with pytest.raises(BoardError, match="something on this machine uses it"):
                await tool.device.open(MediumUse.READ)
        await helper.close()
        with pytest.raises(BoardError, match=r"the root helper at .* does not open the medium"):
            await tool.device.open(MediumUse.READ)


async def test_a_device_that_fails_while_it_is_written(tmp_path: Path) -> None:
    """Its sectors give out halfway, as a card's do that is pulled: the disk below it is full."""
    below, image = tmp_path / "below", tmp_path / "image"
    below.mkdir()
    image.write_bytes(noise(6 * MIB))

    async def note(_: object) -> None:
        return

    with small_disk(below, 4 * MIB), loop_device(below, 8 * MIB) as device:
        tool = block(tmp_path, device=str(device))
        source = os.open(image, os.O_RDONLY)
        with pytest.raises(BoardError, match=rf"cannot be written at [0-9.]+ MB: .*; {HALF}"):
            await flash(tool, ImageOrder(medium=-1), source, note)
        os.close(source)


def test_half_a_switch(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="to_dut: is missing: a medium is switched both ways"):
        block(tmp_path, device="/none", to_supervisor="true")
    with pytest.raises(ConfigError, match="device: is missing"):
        block(tmp_path)
