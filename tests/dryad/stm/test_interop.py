"""Go's own client against our service, and our client against Go's own server."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.testing.stm_ports import PseudoTerminal
from tests.interop.test_gorpc import go_client, go_server, peer
from tests.interop.wirejson import line

__all__ = ["peer"]


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


async def test_a_go_client_drives_the_chip(
    peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    chip = terminal.firmware.chip
    results = await go_client(
        peer,
        "call",
        tmp_path / "admin",
        [
            line("Interface.DUT", {}),
            line("Interface.GetCurrent", {}),
            line("Interface.PowerTick", {"D": 20_000_000}),
            line("Interface.HDMI", {"On": True}),
            line("Interface.SetDyper", {"Dyper": "dyper 2", "On": True}),
            line("Interface.SetLED", {"Led": "1", "R": 96, "G": 144, "B": 0}),
            line("Interface.ClearDisplay", {}),
            line("Interface.PrintText", {"Color": "on", "Text": "maintenance\npower off"}),
            line("Interface.StartCurrentRecord", {"Samples": 2, "Interval": 3_600_000_000_000}),
            line("Interface.GetCurrentRecord", {}),
            line("Interface.StopCurrentRecord", {}),
        ],
    )
    assert results == [{"Reply": {"Value": 400} if at == 1 else {}} for at in range(11)]
    assert (chip.card, chip.relay, chip.hdmi) == ("dut", True, True)
    assert (chip.dypers, chip.leds[0]) == ([False, True], (96, 144, 0))
    assert chip.display == ["0 0 on maintenance powe"]


async def test_a_go_client_reads_our_refusals(
    peer: Path, terminal: PseudoTerminal, tmp_path: Path
) -> None:
    calls = [
        line("Interface.GetCurrentRecord", {}),
        line("Interface.SetDyper", {"Dyper": "dyper 3"}),
        line("Interface.StartCurrentRecord", {"Samples": 0, "Interval": 1}),
        line("Interface.SetLED", {"Led": "1"}),
        line("Interface.TS", {}),
    ]
    results = await go_client(peer, "call", tmp_path / "user", calls)
    assert [result.get("Error") for result in results] == [
        "no sample was recorded",
        "invalid dyper value: 'dyper 3' (known: 'dyper 1', 'dyper 2')",
        "the number of samples must be from 1 to 100000, not 0",
        "rpc: can't find method Interface.SetLED",
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


async def test_our_client_drives_a_go_server(peer: Path, tmp_path: Path) -> None:
    async with go_server(peer, "unix", tmp_path) as (address, printed):
        assert isinstance(address, Path)
        client = Client(address)
        await client.dut()
        await client.ts()
        await client.power_tick(timedelta(seconds=0.5))
        await client.hdmi(True)
        await client.set_dyper(DyPer.ONE, True)
        await client.set_led(Led.TWO, Color(red=1, green=2, blue=3))
        await client.clear_display()
        await client.print_text(8, 2, Ink.OFF, "gone")
        await client.start_current_record(10, timedelta(seconds=1))
        await client.stop_current_record()
        assert await client.get_current() == 420
        assert await client.get_current_record() == (0, 1, -1, 63, 64, 127, 128, 5000)
        assert await client.probe() == "420 mA"
        seen = [(await printed.readline()).decode().strip() for _ in range(13)]
    assert seen[2:9] == [
        '{"Method":"Interface.PowerTick","Argument":{"D":500000000}}',
        '{"Method":"Interface.HDMI","Argument":{"On":true}}',
        '{"Method":"Interface.SetDyper","Argument":{"Dyper":"dyper 1","On":true}}',
        '{"Method":"Interface.SetLED","Argument":{"Led":"2","R":1,"G":2,"B":3}}',
        '{"Method":"Interface.ClearDisplay","Argument":{}}',
        '{"Method":"Interface.PrintText","Argument":{"X":8,"Y":2,"Color":"off","Text":"gone"}}',
        '{"Method":"Interface.StartCurrentRecord","Argument":{"Samples":10,"Interval":1000000000}}',
    ]
