"""Tokens: one use, one worker, one epoch, a short life; and who waits while nobody can be asked."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.access.sockets import tcp_pair

from boruta_farm.access.streams import StreamOrder, StreamRefusedError, Streams, hand_in

WITHIN = 20.0


class Asked:
    """Streams, and what was asked for them."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._wishes: asyncio.Queue[StreamOrder] = asyncio.Queue()

    def serve(self) -> None:
        """Be the server that can be asked."""
        self.streams.serve(self._wishes.put_nowait)

    async def next(self) -> StreamOrder:
        """Return the next wish."""
        async with asyncio.timeout(WITHIN):
            return await self._wishes.get()

    def none(self) -> bool:
        """Tell that nothing was asked."""
        return self._wishes.empty()

    def claim(self, wish: StreamOrder) -> "asyncio.Future[socket.socket] | None":
        """Claim a wish as it was made."""
        return self.streams.claim(wish.worker, wish.epoch, wish.token)


def asked(life: float = WITHIN, patience: float = WITHIN) -> Asked:
    return Asked(Streams(asyncio.get_running_loop(), life=life, patience=patience))


@asynccontextmanager
async def opening(asked: Asked, epoch: int = 3) -> AsyncIterator["asyncio.Task[socket.socket]"]:
    """Have a user wait for a stream to w1."""
    task = asyncio.create_task(asked.streams.open("w1", epoch))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_token_opens_one_stream() -> None:
    farm = asked()
    farm.serve()
    near, far = tcp_pair()
    with near, far:
        async with opening(farm) as user:
            wish = await farm.next()
            assert (wish.worker, wish.epoch) == ("w1", 3)
            assert wish.token not in repr(wish)
            claimed = farm.claim(wish)
            assert claimed is not None
            assert farm.claim(wish) is None, "a token was good twice"
            assert hand_in(claimed, near)
            assert await user is near
            assert farm.claim(wish) is None


@pytest.mark.parametrize(("worker", "epoch"), [("w2", 3), ("w1", 4), ("w1", 2)])
async def test_a_token_of_another_board_or_epoch_is_refused_and_used_up(
    worker: str, epoch: int
) -> None:
    farm = asked()
    farm.serve()
    async with opening(farm) as user:
        wish = await farm.next()
        assert farm.streams.claim(worker, epoch, wish.token) is None
        assert farm.claim(wish) is None
        with pytest.raises(StreamRefusedError, match="another board"):
            await user


async def test_a_token_nobody_made_is_refused() -> None:
    farm = asked()
    assert farm.streams.claim("w1", 3, "x" * 43) is None


async def test_a_late_token_is_refused_and_another_is_asked_for() -> None:
    farm = asked(life=0.05)
    farm.serve()
    async with opening(farm):
        late, fresh = await farm.next(), await farm.next()
        assert late.token != fresh.token
        assert farm.claim(late) is None


async def test_patience_has_an_end() -> None:
    farm = asked(patience=0.05)
    async with opening(farm) as user:
        with pytest.raises(TimeoutError):
            await user
    assert farm.none()


async def test_nothing_is_asked_while_no_server_is_there_and_all_is_when_it_comes() -> None:
    farm = asked()
    async with opening(farm), opening(farm):
        await asyncio.sleep(0)
        assert farm.none()
        farm.serve()
        first, second = await farm.next(), await farm.next()
        farm.streams.serve(None)
        farm.serve()
        again = {(await farm.next()).token, (await farm.next()).token}
        assert again == {first.token, second.token}, "a new server must hear what is open"


async def test_what_an_agent_refuses_is_told_to_the_user() -> None:
    farm = asked()
    farm.serve()
    async with opening(farm) as user:
        wish = await farm.next()
        farm.streams.refuse(wish.token, "no sshd there")
        with pytest.raises(StreamRefusedError, match="no sshd there"):
            await user
        farm.streams.refuse("another", "harmless")


async def test_a_stream_that_nobody_waits_for_any_more_is_closed() -> None:
    farm = asked()
    farm.serve()
    near, far = tcp_pair()
    with far:
        async with opening(farm):
            claimed = farm.claim(await farm.next())
        assert claimed is not None
        assert not hand_in(claimed, near)
        assert near.fileno() == -1


async def test_a_stream_that_comes_in_the_moment_of_giving_up_is_closed() -> None:
    farm = asked()
    farm.serve()
    near, far = tcp_pair()
    with far:
        async with opening(farm) as user:
            claimed = farm.claim(await farm.next())
            assert claimed is not None
            assert hand_in(claimed, near)
            user.cancel()
            await asyncio.wait([user])
        assert near.fileno() == -1
