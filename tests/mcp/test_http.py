"""Over HTTP an agent is let in by its token, and its boards come back when it calls no more."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from boruta_farm.model.errors import ConfigError, UnavailableError
from boruta_farm.testing import LocalFarm
from tests.mcp.test_server import Agent, open_requests

mcp = pytest.importorskip("mcp", reason="the SDK is not installed: pip install 'boruta-farm[mcp]'")
http = pytest.importorskip("boruta_farm.mcp.http")

TOKEN = "0123456789abcdef0123"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}


class Called:
    """An application that answers when it is told to, and what gives back."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.given_back = asyncio.Event()
        self.fails = False

    async def app(
        self, _scope: object, _receive: object, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def give_back(self) -> None:
        self.given_back.set()
        if self.fails:
            raise UnavailableError("the farm is away")


@asynccontextmanager
async def gated(
    called: Called, gone_after: float
) -> AsyncIterator[tuple[httpx.AsyncClient, "asyncio.Task[None]"]]:
    gate = http.AgentGate(called.app, TOKEN, gone_after)
    watching = asyncio.create_task(gate.watch(called.give_back))
    transport = httpx.ASGITransport(gate)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, watching
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize(
    "shown", [{}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}, {"Cookie": TOKEN}]
)
async def test_who_does_not_show_the_token_is_not_heard(shown: dict[str, str]) -> None:
    called = Called()
    called.answer.set()
    async with gated(called, 600) as (client, _):
        assert (await client.post("/mcp", headers=shown)).status_code == 401
        assert (await client.post("/mcp", headers=KNOWN)).status_code == 200


async def test_boards_come_back_when_nobody_calls_and_not_while_somebody_does() -> None:
    called = Called()
    called.fails = True
    async with gated(called, 0.05) as (client, watching), asyncio.timeout(20):
        for _ in range(2):
            called.answer.clear()
            calling = asyncio.create_task(client.post("/mcp", headers=KNOWN))
            done, _open = await asyncio.wait({calling}, timeout=0.2)
            assert not done
            assert not called.given_back.is_set()
            called.answer.set()
            await calling
            await called.given_back.wait()
            called.given_back.clear()
            assert not watching.done(), "a farm that is away ends nothing"


async def test_who_ends_his_session_gives_back_at_once() -> None:
    called = Called()
    called.answer.set()
    async with gated(called, 600) as (client, _), asyncio.timeout(20):
        await client.post("/mcp", headers=KNOWN)
        assert not called.given_back.is_set()
        await client.delete("/mcp", headers=KNOWN)
        await called.given_back.wait()


def test_a_token_that_could_be_guessed_is_refused() -> None:
    assert http.check_secret(TOKEN) == TOKEN
    for token in ("", "short", "x" * 15, "\u00fc" * 20, "line\n" * 9):
        with pytest.raises(ConfigError, match="BORUTA_MCP_TOKEN"):
            http.check_secret(token)


def test_a_port_that_is_taken_is_told() -> None:
    with http.listening(0) as taken, pytest.raises(ConfigError, match="name another port"):
        http.listening(taken.getsockname()[1])


@pytest.mark.prove
@pytest.mark.skipif(not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing")
async def test_an_agent_borrows_over_http(local_farm: LocalFarm, tmp_path: Path) -> None:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", "mcp", "--http", "0"),
        *("--files", str(tmp_path)),
        env={**os.environ, **local_farm.environment, "XDG_STATE_HOME": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            place = re.search(r"http://\S+", (await process.stderr.readline()).decode())
            shown = re.search(r"Bearer \S+", (await process.stderr.readline()).decode())
        assert place is not None
        assert shown is not None
        known = {"Authorization": shown[0]}
        async with httpx.AsyncClient(headers=known) as page:
            for header in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
                told = await page.post(place[0], json={}, headers=header)
                assert told.status_code in (403, 421)
        async with (
            httpx2.AsyncClient(headers=known) as network,
            mcp.Client(streamable_http_client(place[0], http_client=network)) as client,
        ):
            one = Agent(client)
            assert "You have rpi4" in await one.done("borrow", want="rpi4")
            assert "Exit status 0" in await one.done("run_command", board="rpi4", command="true")
            assert len(await open_requests(local_farm)) == 1
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 60) == 128 + signal.SIGTERM
        assert await open_requests(local_farm) == []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
