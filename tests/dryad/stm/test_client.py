import asyncio
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.errors import ArgumentError, ControllerError
from boruta_farm.dryad.stm.recorder import RecordedCall, Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import DARK, Ink, Led


async def test_a_service_that_was_restarted_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "stm"
    client, recorder = Client(path), Recorder()
    for _ in range(2):
        async with Service(recorder) as service:
            await service.listen(path, tmp_path / "user", group="no-such-group")
            await client.dut()
        with pytest.raises(ControllerError, match=r"Interface.DUT failed at .*that the service"):
            await client.dut()
    assert list(recorder.calls) == [RecordedCall("dut"), RecordedCall("dut")]


async def test_texts_are_cut_before_they_travel(tmp_path: Path) -> None:
    recorder = Recorder()
    async with Service(recorder) as service:
        await service.listen(tmp_path / "stm", tmp_path / "user", group="no-such-group")
        client = Client(tmp_path / "stm")
        await client.print_text(0, 0, Ink.ON, "1 2 3 4 5 6 7 8 9")
        await client.print_text(0, 0, Ink.ON, "")
        with pytest.raises(ArgumentError):
            await client.print_text(0, 3, Ink.ON, "below")
    assert list(recorder.calls) == [
        RecordedCall("print_text", (0, 0, Ink.ON, "1 2 3 4 5 6")),
        RecordedCall("print_text", (96, 0, Ink.ON, "7 8")),
    ]


async def test_the_services_refusal_is_told_as_it_is(tmp_path: Path) -> None:
    async with Service(Recorder()) as service:
        await service.listen(tmp_path / "stm", tmp_path / "user", group="no-such-group")
        with pytest.raises(ControllerError, match=r"^rpc: can't find method Interface\.SetLED$"):
            await Client(tmp_path / "user").set_led(Led.ONE, DARK)


async def test_a_service_that_hangs_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "stm"))
        listener.listen()
        client = Client(tmp_path / "stm", patience=0.125)
        async with asyncio.timeout(60):
            with pytest.raises(ControllerError, match=r"was not answered in 0\.125 s"):
                await client.dut()
            with pytest.raises(ControllerError, match=r"was not answered in 0\.25 s"):
                await client.power_tick(timedelta(milliseconds=125))
