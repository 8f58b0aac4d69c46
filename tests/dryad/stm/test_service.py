import grp
import os
import shutil
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.recorder import RecordedCall, Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.gorpc import services
from boruta_farm.gorpc.client import call_once, connect
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.schema import Empty

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(current=420)


@pytest.fixture
async def sockets(recorder: Recorder, tmp_path: Path) -> AsyncIterator[tuple[Path, Path]]:
    admin, user = tmp_path / "stm.socket", tmp_path / "stm-user.socket"
    async with Service(recorder) as service:
        await service.listen(admin, user, group=GROUP)
        yield admin, user
    await recorder.close()


async def test_sockets_are_for_owner_and_group_only(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, str]] = []
    monkeypatch.setattr(shutil, "chown", lambda path, group: given.append((path, group)))
    admin, user = tmp_path / "stm.socket", tmp_path / "stm-user.socket"
    async with Service(recorder) as service:
        await service.listen(admin, user)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (admin, user)] == [0o660, 0o660]
    assert given == [(user, "stm")]
    assert not admin.exists()
    assert not user.exists()


async def test_a_missing_group_leaves_the_socket_to_root(
    recorder: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = tmp_path / "user"
    async with Service(recorder) as service:
        await service.listen(tmp_path / "admin", user, group="no-such-group")
        await call_once(user, services.DUT, Empty())
    assert caplog.messages == [f"there is no group 'no-such-group': only root can use {user}"]


async def test_calls_reach_the_controller(recorder: Recorder, sockets: tuple[Path, Path]) -> None:
    admin, _ = sockets
    async with await connect(admin) as client:
        light = services.SetLEDRequest(led="2", red=1, green=2, blue=255)
        text = services.PrintTextRequest(x=8, y=2, color="inv", text="a\nb")
        assert await client.call(services.SET_LED, light, timeout=60) == Empty()
        assert await client.call(services.PRINT_TEXT, text, timeout=60) == Empty()
        current = await client.call(services.GET_CURRENT, Empty(), timeout=60)
    assert current == services.CurrentReply(milliamperes=420)
    assert list(recorder.calls) == [
        RecordedCall("set_led", (Led.TWO, Color(red=1, green=2, blue=255))),
        RecordedCall("print_text", (8, 2, Ink.INVERT, "a\nb")),
        RecordedCall("get_current"),
    ]


async def test_users_have_neither_lights_nor_display(
    recorder: Recorder, sockets: tuple[Path, Path]
) -> None:
    _, user = sockets
    async with await connect(user) as client:
        with pytest.raises(ServerError, match=r"^rpc: can't find method Interface\.SetLED$"):
            await client.call(
                services.SET_LED,
                services.SetLEDRequest(led="1", red=0, green=0, blue=0),
                timeout=5,
            )
        with pytest.raises(ServerError, match=r"^rpc: can't find method Interface\.PrintText$"):
            await client.call(
                services.PRINT_TEXT,
                services.PrintTextRequest(x=0, y=0, color="on", text="hello"),
                timeout=5,
            )
        with pytest.raises(ServerError, match=r"^rpc: can't find method Interface\.ClearDisplay$"):
            await client.call(services.CLEAR_DISPLAY, Empty(), timeout=60)
        request = services.SetDyPerRequest(dyper="dyper 1", on=True)
        await client.call(services.SET_DYPER, request, timeout=60)
    assert list(recorder.calls) == [RecordedCall("set_dyper", (DyPer.ONE, True))]


@pytest.mark.parametrize(
    ("nanoseconds", "duration"),
    [
        (1_500_000_000, timedelta(seconds=1.5)),
        (0, timedelta()),
        (120_000_000_000, timedelta(minutes=2)),
    ],
)
async def test_ticks_travel_in_nanoseconds(
    recorder: Recorder, sockets: tuple[Path, Path], nanoseconds: int, duration: timedelta
) -> None:
    request = services.PowerTickRequest(nanoseconds=nanoseconds)
    await call_once(sockets[1], services.POWER_TICK, request)
    assert list(recorder.calls) == [RecordedCall("power_tick", (duration,))]


@pytest.mark.parametrize("nanoseconds", [-1, -(2**63), 2**63 - 1, 600_000_001_000])
async def test_endless_ticks_are_refused(
    recorder: Recorder, sockets: tuple[Path, Path], nanoseconds: int
) -> None:
    request = services.PowerTickRequest(nanoseconds=nanoseconds)
    with pytest.raises(ServerError, match="power can be cut for"):
        await call_once(sockets[0], services.POWER_TICK, request)
    assert not recorder.calls


async def test_words_that_would_reach_the_line_are_refused(
    recorder: Recorder, sockets: tuple[Path, Path]
) -> None:
    async with await connect(sockets[0]) as client:
        with pytest.raises(ServerError, match=r"^invalid LED value: '1\\npower off'"):
            await client.call(
                services.SET_LED,
                services.SetLEDRequest(led="1\npower off", red=0, green=0, blue=0),
                timeout=5,
            )
        with pytest.raises(ServerError, match=r"^invalid color value: 'on x"):
            await client.call(
                services.PRINT_TEXT,
                services.PrintTextRequest(x=0, y=0, color="on x\nts", text="hello"),
                timeout=5,
            )
        with pytest.raises(ServerError, match=r"^invalid dyper value: '3'"):
            await client.call(
                services.SET_DYPER, services.SetDyPerRequest(dyper="3", on=True), timeout=5
            )
        with pytest.raises(ServerError, match="the text's x must be from 0 to 128"):
            await client.call(
                services.PRINT_TEXT,
                services.PrintTextRequest(x=2**40, y=0, color="on", text="hello"),
                timeout=5,
            )
        # A call that was refused leaves the service as it was.
        await client.call(services.DUT, Empty(), timeout=60)
    assert list(recorder.calls) == [RecordedCall("dut")]


async def test_a_failure_is_told_in_its_words(
    recorder: Recorder, sockets: tuple[Path, Path]
) -> None:
    recorder.failure = ControllerError("unexpected response: Unknown command (to 'dut')")
    with pytest.raises(ServerError, match=r"^unexpected response: Unknown command \(to 'dut'\)$"):
        await call_once(sockets[0], services.DUT, Empty())


async def test_a_living_service_is_left_alone(
    recorder: Recorder, sockets: tuple[Path, Path], tmp_path: Path
) -> None:
    async with Service(Recorder()) as second:
        with pytest.raises(ControllerError, match=r"cannot listen on .*stop stm.socket"):
            await second.listen(sockets[0], tmp_path / "other", group=GROUP)
    await call_once(sockets[0], services.DUT, Empty())
    assert list(recorder.calls) == [RecordedCall("dut")]


async def test_a_long_record_is_one_reply(
    recorder: Recorder, sockets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = tuple(range(-1, 99_999))
    monkeypatch.setattr(recorder._record, "samples", lambda: samples)
    assert await Client(sockets[0]).get_current_record() == samples
