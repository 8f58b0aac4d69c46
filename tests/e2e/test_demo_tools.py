"""The demo with a device, as a person runs it: in QEMU, and where that is not installed."""

import asyncio
import re

import pytest

from boruta_farm.demo import device, plays
from boruta_farm.testing.emulator import missing_emulator
from tests.e2e.played import played

WITHIN = 240.0
pytestmark = pytest.mark.prove


async def test_a_device_in_qemu_is_booted_from_its_card_and_given_back_clean() -> None:
    if missing := missing_emulator():
        pytest.skip(missing)
    status, words = await played("boruta_farm.cli", "demo", "--once", "--tools", within=WITHIN)
    assert status == 0, words
    assert "the device is a machine in QEMU with U-Boot" in words
    assert re.search(r"--expect 'U-Boot 2.*: U-Boot 20", words)
    assert re.search(r"--expect 'booted-from-the-card-\w+': it said so", words)
    assert "his card is empty" in words


async def test_without_qemu_the_device_is_simulated_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "missing_emulator", lambda: "there is no QEMU")
    said: list[str] = []
    await asyncio.wait_for(plays.tools(said.append), WITHIN)
    words = "\n".join(said)
    assert "the device is simulated, since there is no QEMU" in words
    assert re.search(r"--expect 'booted-from-the-card-\w+': it said so", words)
    assert "his card is empty" in words
