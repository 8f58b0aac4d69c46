"""Go's own client against our service, and our client against Go's own server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.gorpc.captures import METHODS
from tests.interop.peers import go_client, go_server
from tests.interop.wirejson import line

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.testing.stm_chip import Chip
from boruta_farm.testing.stm_ports import PseudoTerminal

RECORD: dict[str, object] = {"Samples": 2, "Interval": 3_600_000_000_000}
LED: dict[str, object] = {"Led": "1", "R": 96, "G": 144, "B": 0}
TEXT: dict[str, object] = {"Color": "on", "Text": "maintenance\npower off"}
# By method: its argument in Go's names, its reply, and what must be true of the chip afterwards.
DEEDS: dict[str, tuple[dict[str, object], dict[str, object], Callable[[Chip], bool]]] = {
    "PowerTick": ({"D": 20_000_000}, {}, lambda chip: chip.relay),
    "DUT": ({}, {}, lambda chip: (chip.card, chip.relay) == ("dut", True)),
    "TS": ({}, {}, lambda chip: (chip.card, chip.relay) == ("ts", False)),
    "GetCurrent": ({}, {"Value": 400}, lambda _: True),
    "StartCurrentRecord": (RECORD, {}, lambda _: True),
    "StopCurrentRecord": ({}, {}, lambda _: True),
    "GetCurrentRecord": ({}, {}, lambda _: True),
    "HDMI": ({"On": True}, {}, lambda chip: chip.hdmi),
    "SetDyper": ({"Dyper": "dyper 2", "On": True}, {}, lambda c: c.dypers == [False, True]),
    "SetLED": (LED, {}, lambda chip: chip.leds[0] == (96, 144, 0)),
    "ClearDisplay": ({}, {}, lambda chip: chip.display == []),
    "PrintText": (TEXT, {}, lambda chip: chip.display == ["0 0 on maintenance powe"]),
}
FIRST = {
    "GetCurrent": [line("Interface.DUT", {})],
    "GetCurrentRecord": [line("Interface.StartCurrentRecord", RECORD)],
}
ADMIN_ONLY = {"SetLED", "ClearDisplay", "PrintText"}


@pytest.fixture(params=[True, False], ids=["echo sticks", "echo off works"])
async def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PseudoTerminal]:
    """Serve an emulated chip at both sockets."""
    with PseudoTerminal(echo_sticks=bool(request.param)) as terminal:
        controller = Controller.at(terminal.path)
        async with Service(controller) as service:
            await service.listen(tmp_path / "admin", tmp_path / "user", group="no-such-group")
            yield terminal
        await controller.close()
        assert terminal.firmware.chip.damage == []


def test_every_method_is_here() -> None:
    assert {f"Interface.{name}" for name in DEEDS} == {
        name for name in METHODS if name.startswith("Interface.")
    }


@pytest.mark.parametrize("name", DEEDS)
async def test_a_go_client_drives_the_chip(
    name: str, peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    argument, reply, is_done = DEEDS[name]
    calls = [*FIRST.get(name, []), line(f"Interface.{name}", argument)]
    results = await go_client(peer, "call", tmp_path / "admin", calls)
    assert results[-1] == {"Reply": reply}
    assert is_done(terminal.firmware.chip)


@pytest.mark.parametrize("name", DEEDS)
async def test_users_have_all_but_lights_and_display(
    name: str, peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    argument, reply, _ = DEEDS[name]
    calls = [*FIRST.get(name, []), line(f"Interface.{name}", argument)]
    results = await go_client(peer, "call", tmp_path / "user", calls)
    if name in ADMIN_ONLY:
        assert results[-1]["Error"] == f"rpc: can't find method Interface.{name}"
    else:
        assert results[-1] == {"Reply": reply}


async def test_a_go_client_reads_our_refusals(
    peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    calls = [
        line("Interface.GetCurrentRecord", {}),
        line("Interface.SetDyper", {"Dyper": "dyper 3"}),
        line("Interface.StartCurrentRecord", {"Samples": 0, "Interval": 1}),
        line("Interface.TS", {}),
    ]
    results = await go_client(peer, "call", tmp_path / "user", calls)
    assert [result.get("Error") for result in results] == [
        "no sample was recorded",
        "invalid dyper value: 'dyper 3' (known: 'dyper 1', 'dyper 2')",
        "the number of samples must be from 1 to 100000, not 0",
        None,
    ]


async def test_many_calls_of_a_go_client_share_the_line(
    peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    calls = [line("Interface.SetLED", {"Led": "1", "R": 7}), line("Interface.GetCurrent", {})] * 50
    results = await go_client(peer, "together", tmp_path / "admin", calls)
    assert results == [{"Reply": {}}] * 100
    assert terminal.firmware.lost == 0
    assert terminal.firmware.commands.count("led 1 7 0 0") == 50


async def test_what_fota_does_works_over_one_connection(
    peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    """Look for the card as the original's tool does: to the DUT, back, and to the DUT at last."""
    calls = [line(f"Interface.{name}", {}) for name in ("DUT", "TS", "DUT")]
    assert await go_client(peer, "call", tmp_path / "user", calls) == [{"Reply": {}}] * 3
    assert terminal.firmware.chip.card == "dut"


OUR_CALLS: dict[str, tuple[Callable[[Client], Awaitable[object]], object, dict[str, object]]] = {
    "PowerTick": (lambda c: c.power_tick(timedelta(seconds=0.5)), None, {"D": 500_000_000}),
    "DUT": (lambda c: c.dut(), None, {}),
    "TS": (lambda c: c.ts(), None, {}),
    "GetCurrent": (lambda c: c.get_current(), 420, {}),
    "StartCurrentRecord": (
        lambda c: c.start_current_record(10, timedelta(seconds=1)),
        None,
        {"Samples": 10, "Interval": 10**9},
    ),
    "StopCurrentRecord": (lambda c: c.stop_current_record(), None, {}),
    "GetCurrentRecord": (
        lambda c: c.get_current_record(),
        (0, 1, -1, 63, 64, 127, 128, 5000),
        {},
    ),
    "HDMI": (lambda c: c.hdmi(True), None, {"On": True}),
    "SetDyper": (lambda c: c.set_dyper(DyPer.ONE, True), None, {"Dyper": "dyper 1", "On": True}),
    "SetLED": (
        lambda c: c.set_led(Led.TWO, Color(red=1, green=2, blue=3)),
        None,
        {"Led": "2", "R": 1, "G": 2, "B": 3},
    ),
    "ClearDisplay": (lambda c: c.clear_display(), None, {}),
    "PrintText": (
        lambda c: c.print_text(8, 2, Ink.OFF, "gone"),
        None,
        {"X": 8, "Y": 2, "Color": "off", "Text": "gone"},
    ),
}


@pytest.mark.parametrize("name", DEEDS)
async def test_our_client_drives_a_go_server(name: str, peer: Path, tmp_path: Path) -> None:
    call, reply, argument = OUR_CALLS[name]
    async with go_server(peer, "unix", tmp_path) as server:
        assert isinstance(server.address, Path)
        assert await call(Client(server.address)) == reply
        assert await server.next() == {"Method": f"Interface.{name}", "Argument": argument}
