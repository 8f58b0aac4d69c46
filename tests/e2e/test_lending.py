"""Lend a board end to end, and pull plugs while it is lent."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import WorkerState
from tests.e2e.stage import CAPS, needs_ssh, run_demo, ssh, stage, talking
from tests.store.postgres_server import PostgresServer

pytestmark = needs_ssh


async def test_demo_once_lends_a_board_and_leaves_nothing(tmp_path: Path) -> None:
    text = await run_demo(tmp_path)
    for step in ("position 1", "uname -a", "1 MiB there and back", "daemon is gone", "refused"):
        assert step in text, text


@pytest.mark.prove
async def test_killed_server_cuts_no_session_and_forgets_nothing(tmp_path: Path) -> None:
    await _kill_server_during_a_job(tmp_path)


@pytest.mark.prove
async def test_killed_server_over_postgresql_forgets_nothing(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    address = postgres_server.database()
    await _kill_server_during_a_job(tmp_path, database=address)
    postgres_server.drop(address)


async def _kill_server_during_a_job(folder: Path, **settings: str) -> None:
    async with stage(folder, **settings) as one:
        request, access = await one.lend()
        another = NewRequest(caps=CAPS, priority=8)
        waiting = (await one.farm.requests.new_request(one.farm.caller, another)).id
        async with talking(access) as talk:
            assert await talk.says("before") == "before"
            await one.yard.kill("server")
            assert await talk.says("while the server is dead") == "while the server is dead"
            await one.yard.begin()
            assert await talk.says("after") == "after"
            again = await one.farm.requests.get_request_info(one.farm.caller, request.id)
            assert (again.state, again.job) == (RequestState.IN_PROGRESS, request.job)
            assert await one.farm.requests.acquire_worker(one.farm.caller, request.id) == access
            queued = await one.farm.requests.get_request_info(one.farm.caller, waiting)
            assert queued.state is RequestState.WAITING
            await one.close(queued)
            await one.close(request)
            assert await talk.ended() == 255
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)


@pytest.mark.prove
async def test_killed_agent_takes_its_session_up_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        request, access = await one.lend()
        assert await ssh(access, "echo mine > note") == (0, "")
        await one.yard.kill("test")
        await one.yard.restart_agent("test")
        async with asyncio.timeout(30):
            status, text = await ssh(access, "cat note")
            while status != 0:
                status, text = await ssh(access, "cat note")
        assert text == "mine\n"
        again = await one.farm.requests.get_request_info(one.farm.caller, request.id)
        assert again.state is RequestState.IN_PROGRESS
        await one.close(request)
        assert request.job is not None
        await one.until(WorkerState.IDLE, above=request.job.epoch)
        next_request, next_access = await one.lend()
        status, text = await ssh(next_access, "cat note")
        assert status != 0, f"the next user found the last one's file: {text}"
        await one.close(next_request)


async def test_own_key_opens_the_board(tmp_path: Path) -> None:
    identity = tmp_path / "mine"
    keygen = await asyncio.create_subprocess_exec(
        *("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(identity))
    )
    assert await keygen.wait() == 0
    async with stage(tmp_path) as one:
        public = identity.with_suffix(".pub").read_text()
        request, access = await one.lend(ssh_key=public)
        assert access.key == ""
        async with talking(access, identity) as talk:
            assert await talk.says("hello") == "hello"
        await one.close(request)
