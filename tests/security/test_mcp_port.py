"""Threat: another user of the machine calls the port of `boruta mcp --http` without its token."""

import asyncio
from typing import Any

import pytest

from boruta_farm.mcp.desk import AgentDesk

pytest.importorskip("mcp", reason="the SDK is not installed: pip install 'boruta-farm[mcp]'")
http = pytest.importorskip("boruta_farm.mcp.http")

TOKEN = "0123456789abcdef0123"
PIECE = b"x" * 65_536
MOST_PIECES = 256
"""Sixteen mebibytes: what lies in the network's buffers is less."""


@pytest.mark.parametrize(
    "begin", [b"GET /", b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nA: "], ids=["path", "header"]
)
async def test_a_head_without_end_is_cut(begin: bytes) -> None:
    """What is kept of it would grow the agent's program until the machine ends it."""
    listener = http.listening(0)
    # Who shows no token gets to none of its acts.
    nothing: Any = None
    desk = AgentDesk(nothing, nothing, nothing, nothing, nothing)
    serving = asyncio.create_task(http.serve_http(desk, listener, TOKEN))
    sent = 0
    try:
        async with asyncio.timeout(60):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            try:
                writer.write(begin)
                while sent < MOST_PIECES:
                    writer.write(PIECE)
                    await writer.drain()
                    sent += 1
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert sent < MOST_PIECES
