"""The card of a MuxPi, switched by an emulated chip; its device is a file."""

import os
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.stm import DRIVER
from boruta_farm.dryad.tools.drivers.stm_card import StmCard
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import ConfigError
from boruta_farm.testing.stm_chip import Chip
from tests.dryad.tools.drivers.stages import opened
from tests.dryad.tools.drivers.test_stm import chip  # noqa: F401  # a fixture


async def test_the_card_goes_to_either_side(chip: Chip, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "sda").write_bytes(b"x" * 8192)
    card = opened(DRIVER, tmp_path, part="card", device=str(tmp_path / "sda"))
    assert isinstance(card, StmCard)
    assert isinstance(card, Storage)
    await card.give(Holder.DUT)
    assert (chip.card, chip.relay) == ("dut", True)
    assert await card.holder() is Holder.DUT
    await card.give(Holder.SUPERVISOR)
    assert (chip.card, chip.relay) == ("ts", False)
    assert await card.holder() is Holder.SUPERVISOR
    async with card.open(MediumUse.READ) as medium:
        assert os.pread(medium.descriptor, 1, 0) == b"x"


def test_a_card_needs_its_device(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="device: is missing: a card needs its device"):
        opened(DRIVER, tmp_path, part="card")
