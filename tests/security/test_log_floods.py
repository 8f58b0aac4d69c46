"""Threat: who may do nothing else fills the disk with lines of the log."""

import asyncio
import contextlib
import io
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boruta_farm.access.gate import Gate
from boruta_farm.access.streams import Streams
from boruta_farm.dryad import logs as agent_logs
from boruta_farm.server import logs as server_logs
from boruta_farm.thinning import AT_ONCE
from tests.dryad.tools.benches import served
from tests.gorpc.farmyard import Recorder, serving

FLOOD = 2 * AT_ONCE
MARGIN = AT_ONCE // 2
"""Lines that pass by themselves while the flood lasts, on a slow machine, and other kinds."""
NO_GOB = b"\xfc\x7f\xff\xff\xff"
WITHIN = 60.0


@contextmanager
def written_by(handler: logging.Handler) -> Iterator[None]:
    """Let a handler of ours write what this process logs."""
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def lines(stream: io.StringIO) -> int:
    return len(stream.getvalue().splitlines())


async def test_connections_that_speak_no_go_rpc() -> None:
    stream = io.StringIO()
    with written_by(server_logs.writer("human", stream)):
        async with serving(Recorder().routes()) as address, asyncio.timeout(WITHIN):
            for _ in range(FLOOD):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(NO_GOB)
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
    assert AT_ONCE <= lines(stream) <= AT_ONCE + MARGIN


async def test_callers_of_the_streams_port_who_do_not_greet() -> None:
    stream = io.StringIO()
    loop = asyncio.get_running_loop()
    gate = Gate(loop, Streams(loop))
    with written_by(server_logs.writer("human", stream)):
        gate.listen("127.0.0.1", 0)
        async with asyncio.timeout(WITHIN):
            for _ in range(FLOOD):
                reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
                writer.write(b"no greeting\n")
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
        await gate.close()
    assert AT_ONCE <= lines(stream) <= AT_ONCE + MARGIN


async def test_a_session_that_calls_for_tools_and_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    async with served(tmp_path, monkeypatch) as session:
        with written_by(agent_logs.writer("uuid", stream)):
            async with asyncio.timeout(WITHIN):
                for _ in range(FLOOD):
                    with socket.socket(socket.AF_UNIX) as caller:
                        caller.connect(str(session.door.path))
                    await asyncio.sleep(0)
                while session.service._calls:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0)
    assert AT_ONCE // 2 <= lines(stream) <= AT_ONCE + MARGIN
