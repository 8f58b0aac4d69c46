"""A board that the server cannot reach: its agent connects, one stream per user connection."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.way import https_way
from boruta_farm.model.worker import Reach, WorkerState
from tests.e2e.stage import in_own_network, needs_ssh, ssh, stage, talking
from tests.ports import free_port

pytestmark = needs_ssh
OUTBOUND = {"reach": "outbound"}


@pytest.mark.prove
async def test_streams_outlive_the_server_and_new_ones_wait_for_it(tmp_path: Path) -> None:
    async with stage(tmp_path, OUTBOUND) as one:
        assert (await one.worker()).reach is Reach.OUTBOUND
        request, access = await one.lend()
        async with talking(access) as talk:
            assert await talk.says("before") == "before"
            await one.yard.kill("server")
            assert await talk.says("while the server is dead") == "while the server is dead"
            late = asyncio.create_task(ssh(access, "echo late"))
            await one.yard.begin()
            status, text = await late
            assert (status, text) == (0, "late\n")
            assert await talk.says("after") == "after"
            await one.close(request)
            assert await talk.ended() == 255
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)
    assert "a stream to" in (tmp_path / "test.log").read_text()


@pytest.mark.prove
async def test_where_only_the_servers_port_passes_sessions_still_bypass_the_server(
    tmp_path: Path,
) -> None:
    """The stream comes to the API's port and is handed over to the relay, which outlives it."""
    blocked = {**OUTBOUND, "relay_address": f"127.0.0.1:{free_port()}"}
    async with stage(tmp_path, blocked) as one:
        request, access = await one.lend()
        async with talking(access) as talk:
            assert await talk.says("before") == "before"
            await one.yard.kill("server")
            assert await talk.says("while the server is dead") == "while the server is dead"
            await one.yard.begin()
            assert await talk.says("after") == "after"
        await one.close(request)
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)


@pytest.mark.prove
async def test_by_the_servers_port_such_a_board_is_reached_as_well(tmp_path: Path) -> None:
    async with stage(tmp_path, OUTBOUND) as one:
        request, access = await one.lend()
        way = https_way(ClientConfig(server=one.yard.url), request.id)
        # The board's own port is of no use here, and not asked.
        nowhere = replace(access, port=free_port())
        assert await ssh(nowhere, "echo", "by", "https", way=way) == (0, "by https\n")
        await one.close(request)
        status, text = await ssh(nowhere, "true", way=way)
        assert status == 255
        assert "boruta: worker not assigned" in text


@pytest.mark.prove
async def test_a_board_in_a_network_of_its_own_is_lent(tmp_path: Path) -> None:
    """Server and board live in two namespaces; the board's SSH server is on its own loopback."""
    text = await in_own_network("tests.e2e.unreachable", tmp_path)
    assert "reach: outbound" in text
    assert "over the stream: hello" in text
