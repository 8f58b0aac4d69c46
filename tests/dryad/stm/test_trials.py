"""Tests that switch the device under test, on an emulated chip with a card behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.stm import trials as trials_module
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.settings import MuxPiSettings, Trial
from boruta_farm.dryad.stm.trials import Trials, is_readable, ping_once
from boruta_farm.testing.stm_ports import PseudoTerminal


class Bench:
    """A controller, a card that follows its switch, and a device that may answer."""

    def __init__(self, folder: Path) -> None:
        self.card = folder / "sda"
        self.terminal = PseudoTerminal(after=self._follow)
        self.controller = Controller.at(self.terminal.path)
        self.card_works = True
        self.pings = 0

    def settings(self, *trials: Trial) -> MuxPiSettings:
        return MuxPiSettings(sdcard=self.card, trials=trials, boot_within=0.5)

    async def ping(self, _address: str) -> bool:
        self.pings += 1
        return self.terminal.firmware.chip.relay and self.pings > 2

    async def dead(self, _address: str) -> bool:
        return False

    def check_reset(self) -> None:
        chip = self.terminal.firmware.chip
        assert (chip.relay, chip.card, chip.damage) == (False, "ts", [])

    def _follow(self) -> None:
        if not self.card_works:
            return
        if self.terminal.firmware.chip.card == "ts":
            self.card.write_bytes(bytes(4096))
        else:
            self.card.unlink(missing_ok=True)


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(trials_module, "CARD_WITHIN", 1.0)
    monkeypatch.setattr(trials_module, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(trials_module, "TICK", trials_module.TICK / 20)
    bench = Bench(tmp_path)
    with bench.terminal:
        yield bench
        await bench.controller.close()


async def test_nothing_is_switched_unless_configured(bench: Bench) -> None:
    await Trials(bench.controller, bench.settings()).try_all()
    assert bench.terminal.firmware.commands == []


async def test_all_tests_pass_on_a_good_board(bench: Bench) -> None:
    await Trials(bench.controller, bench.settings(*Trial), bench.ping).try_all()
    commands = bench.terminal.firmware.commands
    assert {"mux dut", "power tick 50", "dut"} <= set(commands)
    assert bench.pings == 3
    bench.check_reset()


async def test_the_card_goes_and_comes_without_power(bench: Bench) -> None:
    await Trials(bench.controller, bench.settings(Trial.CARD)).try_all()
    assert "dut" not in bench.terminal.firmware.commands
    bench.check_reset()


@pytest.mark.parametrize(
    ("there", "words"),
    [(False, "cannot be read although the card is here"), (True, "is still there with it at the")],
)
async def test_a_broken_card_reader_is_found(bench: Bench, there: bool, words: str) -> None:
    bench.card_works = False
    if there:
        bench.card.write_bytes(bytes(512))
    with pytest.raises(ControllerError, match=f"test card: .*sda {words}"):
        await Trials(bench.controller, bench.settings(Trial.CARD)).try_all()
    bench.check_reset()


async def test_a_relay_that_stays_off_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_duration: object) -> None:
        return

    monkeypatch.setattr(bench.controller, "power_tick", nothing)
    with pytest.raises(ControllerError, match="test power: the relay is off"):
        await Trials(bench.controller, bench.settings(Trial.POWER)).try_all()


async def test_a_device_that_does_not_boot_is_found(bench: Bench) -> None:
    with pytest.raises(ControllerError, match=r"test ping: .* at 192.168.69.10 within 0.5 s"):
        await Trials(bench.controller, bench.settings(Trial.PING), bench.dead).try_all()
    bench.check_reset()


def test_a_reader_without_a_card(tmp_path: Path) -> None:
    assert not is_readable(tmp_path / "none")
    (tmp_path / "empty").touch()
    assert not is_readable(tmp_path / "empty")
    assert not is_readable(tmp_path)


async def test_the_systems_ping_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "ping"
    script.write_text('#!/bin/sh\n[ "$7" = 192.0.2.1 ]\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert await ping_once("192.0.2.1")
    assert not await ping_once("192.0.2.2")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(ControllerError, match="iputils-ping"):
        await ping_once("192.0.2.1")
