"""Whoever is on the board operates its tools; nothing happens for a job that has ended (I19)."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.frames import CALL, Status, pack, pack_words
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools import service as module
from boruta_farm.dryad.tools.door import PeerProcess
from boruta_farm.model.errors import BoardError
from tests.dryad.tools.benches import EPOCH, Session, served, state


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """Return a session on a board with tools."""
    async with served(tmp_path, monkeypatch) as made:
        yield made


async def test_a_session_operates_the_tools(session: Session) -> None:
    assert await session.dut("power", "off") == Status.DONE
    assert session.lamp.calls == ["off"]
    assert await session.dut("press", "reset", "0s") == Status.DONE
    assert session.knob.calls == ["press", "release"]


async def test_only_the_session_is_let_in_and_the_kernel_says_who_that_is(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[PeerProcess] = []

    def stranger(peer: PeerProcess) -> bool:
        seen.append(peer)
        return False

    session.door.lets = stranger
    assert await session.dut("power", "off") == Status.OVER
    assert session.lamp.calls == []
    assert set(seen) == {PeerProcess(pid=os.getpid(), uid=os.geteuid())}
    assert "belongs to the session that the board is lent to" in capsys.readouterr().err


async def test_who_belongs_to_it_is_asked_again_before_the_act_begins(session: Session) -> None:
    answers = iter([True, False])
    session.door.lets = lambda _: next(answers)
    assert await session.dut("power", "off") == Status.OVER
    assert session.lamp.calls == []


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.PREPARED, Phase.GRANTED}))
async def test_without_a_session_there_is_no_socket(session: Session, phase: Phase) -> None:
    session.service.look(state(phase=phase))
    assert not session.door.path.exists()
    assert await session.dut("power", "off") == Status.UNREACHABLE
    assert session.lamp.calls == []


async def test_an_act_under_way_is_called_off_when_its_job_ends(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    session.lamp.gate.clear()
    calling = asyncio.create_task(session.dut("power", "off"))
    await session.lamp.entered.wait()
    session.service.look(state(phase=Phase.ENDING))
    assert await calling == Status.OVER
    await session.service.settle()
    session.lamp.gate.set()
    assert session.lamp.calls == []
    assert "the job has ended; nothing more is done for it" in capsys.readouterr().err


async def test_a_call_that_waits_its_turn_is_not_carried_into_the_next_job(
    session: Session,
) -> None:
    session.lamp.gate.clear()
    first = asyncio.create_task(session.dut("power", "off"))
    await session.lamp.entered.wait()
    second = asyncio.create_task(session.dut("power", "on"))
    while len(session.service._acts) < 2:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    session.service.look(state(phase=Phase.ENDING))
    session.service.look(state(EPOCH + 1))
    session.lamp.gate.set()
    assert [await first, await second] == [Status.OVER, Status.OVER]
    await session.service.settle()
    assert session.lamp.calls == []


async def test_what_waits_in_the_socket_is_gone_with_its_session(session: Session) -> None:
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect(str(session.door.path))
    waiting.sendall(pack_words(CALL, {"dut": 1, "act": "power.off", "tool": "", "arguments": {}}))
    # The service has had no turn of the loop since: the call lies in the old socket still.
    session.service.look(state(EPOCH + 1))
    waiting.setblocking(False)
    assert await _hung_up(asyncio.get_running_loop().sock_recv(waiting, 1))
    waiting.close()
    assert session.lamp.calls == []


async def test_a_button_is_let_go_whatever_ends_the_press(session: Session) -> None:
    pressing = asyncio.create_task(session.dut("press", "reset", "50s"))
    await session.knob.pressed.wait()
    session.service.look(state(phase=Phase.ENDING))
    session.service.look(state(phase=Phase.CLEANING))
    assert await pressing == Status.OVER
    await session.service.settle()
    assert session.knob.calls == ["press", "release"]


async def test_a_tool_that_hangs_keeps_neither_the_end_nor_other_tools(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_WITHIN", 0.05)
    session.lamp.deaf = True
    session.lamp.gate.clear()
    calling = asyncio.create_task(session.dut("power", "off"))
    await session.lamp.entered.wait()
    assert await session.dut("press", "reset") == Status.DONE
    started = time.monotonic()
    session.service.look(state(phase=Phase.ENDING))
    assert await calling == Status.OVER
    assert time.monotonic() - started < 2
    with pytest.raises(BoardError, match="what the last job began at power does not end"):
        await session.service.settle()


async def test_an_act_has_a_limit(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    tool = session.service.toolbox.find("power")
    hasty = tuple(replace(act, limit=0.01) for act in tool.kind.acts)
    session.service.toolbox._tools["power"] = replace(tool, kind=replace(tool.kind, acts=hasty))
    session.lamp.gate.clear()
    assert await session.dut("power", "off") == Status.FAILED
    assert capsys.readouterr().err == "dut: tool power: off took longer than 0.01 s\n"
    await session.service.settle()


async def test_a_stream_ends_with_its_reader(session: Session) -> None:
    session.chore.endless = True
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(str(session.door.path))
    asked = {"dut": 1, "act": "do.perform", "tool": "greet", "arguments": {}}
    caller.sendall(pack_words(CALL, asked))
    caller.setblocking(False)
    assert await asyncio.get_running_loop().sock_recv(caller, 1)
    assert not session.chore.ended.is_set()
    caller.close()
    await asyncio.wait_for(session.chore.ended.wait(), 5)


async def test_a_stream_whose_reader_stays_is_ended_in_order(session: Session) -> None:
    reader, writer = await asyncio.open_unix_connection(str(session.door.path))
    writer.write(pack_words(CALL, {"dut": 1, "act": "do.perform", "tool": "greet"}))
    assert (await reader.readexactly(6))[:1] == b"D"
    assert (await reader.readexactly(5))[:1] == b"R"
    [call] = session.service._calls
    # The act is over, and its caller neither sends nor goes away yet.
    writer.close()
    await writer.wait_closed()
    await asyncio.wait((call,))
    assert call.exception() is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        pack(b"D", b"x"),
        pack(CALL, b"[1]"),
        pack(CALL, b"\xff"),
        pack(CALL, b"[" * 60000),
        pack_words(CALL, {"dut": 2, "act": "power.off"}),
        pack_words(CALL, {"dut": 1, "act": ["power.off"], "tool": 3, "arguments": "all"}),
        pack_words(CALL, {"dut": 1, "act": "power.explode"}),
        pack_words(CALL, {"dut": 1, "act": "power.cycle", "arguments": {"pause": 1e999}}),
        pack_words(CALL, {"dut": 1, "act": "power.cycle", "arguments": {"pause": -1}}),
        pack_words(
            CALL, {"dut": 1, "act": "do.perform", "tool": "greet", "arguments": {"words": 1}}
        ),
    ],
)
async def test_what_cannot_be_understood_is_refused_in_words(session: Session, data: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(session.door.path))
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.startswith(b"R")
    assert b'"status": 2, "error": "' in answer
    assert session.lamp.calls == []


async def test_who_says_nothing_is_hung_up_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_WITHIN", 0.01)
    reader, writer = await asyncio.open_unix_connection(str(session.door.path))
    assert await _hung_up(reader.read())
    writer.close()


async def test_connections_are_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    held = [await asyncio.open_unix_connection(str(session.door.path)) for _ in range(2)]
    assert await session.dut("power", "off") == Status.UNREACHABLE
    for _, writer in held:
        writer.close()
        await writer.wait_closed()


async def test_an_answer_is_bounded(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise BoardError("x" * 100_000)

    monkeypatch.setattr(session.lamp, "off", fail)
    assert await session.dut("power", "off") == Status.FAILED
    assert capsys.readouterr().err.startswith("dut: the answer is longer than 64 KiB; a tool's")


async def test_a_fault_of_a_driver_is_told_and_logged(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("the relay")

    monkeypatch.setattr(session.lamp, "off", fail)
    assert await session.dut("power", "off") == Status.FAILED
    assert capsys.readouterr().err == "dut: tool power: ZeroDivisionError: the relay\n"


async def _hung_up(reading: Coroutine[object, object, bytes]) -> bool:
    try:
        return await asyncio.wait_for(reading, 5) == b""
    except ConnectionError:
        return True
