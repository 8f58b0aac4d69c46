import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.access.processes import gone

from boruta_farm.access.keys import RsaKeyPool
from boruta_farm.model.worker import KeyPair

COUNTING = """
import json, os
for number in range({count}):
    key = {{"public": f"{{os.getpid()}} {{number}}", "private": "x" * 1700}}
    print(json.dumps(key), flush=True)
"""
WITHIN = 60.0


def maker(count: int) -> tuple[str, ...]:
    return (sys.executable, "-c", COUNTING.format(count=count))


@asynccontextmanager
async def running(pool: RsaKeyPool) -> AsyncIterator[RsaKeyPool]:
    task = asyncio.create_task(pool.fill())
    try:
        async with asyncio.timeout(WITHIN):
            yield pool
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_take_waits_for_a_real_key() -> None:
    async with running(RsaKeyPool(2)) as pool:
        first, second = await pool.take(), await pool.take()
    assert first.private.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert first != second


async def test_the_pool_stops_at_its_size_and_goes_on_when_keys_are_taken() -> None:
    async with running(RsaKeyPool(3, command=maker(1000))) as pool:
        numbers = []
        for _ in range(200):
            key = await pool.take()
            assert pool.ready <= 3
            numbers.append(int(key.public.split()[1]))
    assert numbers == list(range(200))


async def test_makers_work_side_by_side() -> None:
    async with running(RsaKeyPool(4, makers=2, command=maker(50))) as pool:
        pids = {(await pool.take()).public.split()[0] for _ in range(60)}
    assert len(pids) >= 2


async def test_a_maker_that_died_is_started_again() -> None:
    async with running(RsaKeyPool(4, command=maker(1), first_pause=0)) as pool:
        pids = {(await pool.take()).public.split()[0] for _ in range(3)}
    assert len(pids) == 3


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nonexistent/maker",), "cannot be started"),
        ((sys.executable, "-c", "raise SystemExit(4)"), "ended with code 4"),
        ((sys.executable, "-c", "print('-----BEGIN nonsense')"), "wrote what is no key"),
    ],
)
async def test_a_maker_that_cannot_work_is_told(
    command: tuple[str, ...], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    pool = RsaKeyPool(1, command=command, first_pause=0)
    heard = asyncio.Event()
    made = pool._make

    async def make() -> tuple[int, str]:
        if pool.alive() is not None:
            heard.set()
        return await made()

    pool._make = make  # type: ignore[method-assign]  # to wait for the second start
    async with running(pool):
        await heard.wait()
        assert words in (pool.alive() or "")
    assert words in caplog.text
    assert "BEGIN" not in caplog.text


async def test_a_key_given_back_serves_again() -> None:
    pool = RsaKeyPool(1)
    key = KeyPair(public="ssh-rsa AAAA", private="unseen")
    pool.give_back(key)
    pool.give_back(KeyPair(public="ssh-rsa BBBB", private="too many"))
    assert pool.ready == 1
    assert await pool.take() == key


async def test_what_is_at_hand_is_taken_without_waiting() -> None:
    pool = RsaKeyPool()
    assert pool.at_hand() is None
    key = KeyPair(public="ssh-rsa A", private="private A")
    pool.give_back(key)
    assert pool.at_hand() is key
    assert pool.at_hand() is None


async def test_the_maker_ends_with_the_pool() -> None:
    command = (sys.executable, "-c", COUNTING.format(count=1) + "\nimport signal; signal.pause()")
    async with running(RsaKeyPool(1, command=command)) as pool:
        pid = int((await pool.take()).public.split()[0])
    await gone(pid)


async def test_the_maker_ends_when_its_server_is_killed(tmp_path: Path) -> None:
    script = """
import asyncio, json, os, sys
from boruta_farm.access import keys
async def main():
    pool = keys.RsaKeyPool(1)
    task = asyncio.create_task(pool.fill())
    await pool.take()
    mine = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    print(open(mine).read(), flush=True)
    await task
asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    pids = [int(word) for word in (await server.stdout.readline()).split()]
    server.kill()
    await server.stdout.read()
    await server.wait()
    assert pids
    for pid in pids:
        await gone(pid)


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(KeyPair(public="ssh-rsa AAAA", private="secret"))
