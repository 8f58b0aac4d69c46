import logging
from datetime import timedelta

import pytest

from boruta_farm.dryad.stm.errors import SilenceError
from boruta_farm.dryad.stm.recorder import RecordedCall, Recorder
from boruta_farm.dryad.stm.values import DARK, Ink, Led


async def test_calls_are_kept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    with caplog.at_level(logging.INFO):
        await recorder.power_tick(timedelta(seconds=2))
        await recorder.set_led(Led.ONE, DARK)
        await recorder.print_text(0, 0, Ink.ON, "maintenance")
    assert list(recorder.calls) == [
        RecordedCall("power_tick", (timedelta(seconds=2),)),
        RecordedCall("set_led", (Led.ONE, DARK)),
        RecordedCall("print_text", (0, 0, Ink.ON, "maintenance")),
    ]
    assert caplog.messages == [
        "power_tick(0:00:02)",
        "set_led(1, 0,0,0)",
        "print_text(0, 0, on, maintenance)",
    ]


async def test_failures_can_be_played(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(current=420)
    recorder.failure = SilenceError()
    with pytest.raises(SilenceError):
        await recorder.dut()
    recorder.failure = None
    assert await recorder.get_current() == 420


async def test_memory_is_bounded() -> None:
    recorder = Recorder()
    for _ in range(1100):
        await recorder.ts()
    assert len(recorder.calls) == 1000
