"""The server between relay and agents: it asks, waits for who is away, and tells refusals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from boruta_farm.access.messages import REFUSE, Message, decode, encode
from boruta_farm.access.wishes import MOST, OutboundStreams, StreamWish, Wishes
from boruta_farm.contracts import BoardWatch, StreamingDryad
from boruta_farm.model.errors import AgentUnreachableError, BoardError, BorutaError

WITHIN = 20.0


class FakeLink:
    """A relay's link that keeps what it was told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Message] = asyncio.Queue()

    def tell(self, kind: str, **fields: str | int | float | bool | None) -> None:
        self.told.put_nowait(decode(encode(kind, **fields)))


class FakeAgent:
    """An agent; ``fail`` is raised by its next call."""

    def __init__(self, fail: BorutaError | None = None) -> None:
        self.asked: asyncio.Queue[tuple[int, str, int]] = asyncio.Queue()
        self.fail = fail

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        self.asked.put_nowait((epoch, token, port))
        if self.fail is not None:
            raise self.fail


class FakeWatch:
    def __init__(self, boards: "FakeBoards") -> None:
        self._boards = boards

    async def next(self) -> str:
        self._boards.waited.set()
        await self._boards.come.wait()
        return "w1"

    def close(self) -> None:
        self._boards.given_up.set()


class FakeBoards:
    """Boards whose agents may come later."""

    def __init__(self, *agents: FakeAgent) -> None:
        self.agent = agents[0] if agents else None
        self.come = asyncio.Event()
        self.waited = asyncio.Event()
        self.given_up = asyncio.Event()

    def streaming(self, uuid: str) -> StreamingDryad | None:
        return self.agent

    def watch(self) -> BoardWatch:
        return FakeWatch(self)


def wish(link: FakeLink, life: float = WITHIN) -> StreamWish:
    line = {"worker": "w1", "epoch": 3, "port": 8488, "life": life, "token": "t" * 43}
    return StreamWish.read(link, Message(kind="stream", fields=line))  # type: ignore[arg-type]  # as far as it is used


@asynccontextmanager
async def running(boards: FakeBoards, wishes: Wishes) -> AsyncIterator[None]:
    task = asyncio.create_task(OutboundStreams(boards, wishes).serve())
    try:
        async with asyncio.timeout(WITHIN):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_agent_is_asked_with_epoch_token_and_port_only() -> None:
    agent, link, wishes = FakeAgent(), FakeLink(), Wishes()
    async with running(FakeBoards(agent), wishes):
        wishes.put(wish(link))
        assert await agent.asked.get() == (3, "t" * 43, 8488)
    assert link.told.empty()


async def test_what_the_agent_refuses_is_told_to_the_relay() -> None:
    agent, link, wishes = FakeAgent(BoardError("sshd is down")), FakeLink(), Wishes()
    async with running(FakeBoards(agent), wishes):
        wishes.put(wish(link))
        told = await link.told.get()
        assert (told.kind, told.text("token"), told.text("reason")) == (
            REFUSE,
            "t" * 43,
            "sshd is down",
        )


async def test_an_agent_that_is_away_is_waited_for() -> None:
    boards, agent, link, wishes = FakeBoards(), FakeAgent(), FakeLink(), Wishes()
    async with running(boards, wishes):
        wishes.put(wish(link))
        await boards.waited.wait()
        boards.agent = agent
        boards.come.set()
        await agent.asked.get()
        await boards.given_up.wait()


async def test_a_broken_link_refuses_nothing_since_the_relay_asks_again() -> None:
    agent, link, wishes = FakeAgent(AgentUnreachableError()), FakeLink(), Wishes()
    async with running(FakeBoards(agent), wishes):
        wishes.put(wish(link))
        await agent.asked.get()
        agent.fail = BoardError("told this time")
        wishes.put(wish(link))
        assert (await link.told.get()).text("reason") == "told this time"
    assert link.told.empty()


async def test_one_agent_that_hangs_keeps_nobody_else_waiting() -> None:
    boards, link, wishes = FakeBoards(), FakeLink(), Wishes()
    async with running(boards, wishes):
        wishes.put(wish(link))
        await boards.waited.wait()
        boards.agent = FakeAgent()
        wishes.put(wish(link))
        await boards.agent.asked.get()


async def test_a_token_is_not_asked_for_after_its_life() -> None:
    boards, link, wishes = FakeBoards(), FakeLink(), Wishes()
    async with running(boards, wishes):
        wishes.put(wish(link, life=0.01))
        await boards.given_up.wait()
    assert link.told.empty()


async def test_too_many_wishes_are_refused_in_words() -> None:
    link, wishes = FakeLink(), Wishes()
    for _ in range(MOST + 1):
        wishes.put(wish(link))
    assert "too many" in (await link.told.get()).text("reason")
    assert link.told.empty()


def test_a_token_is_no_part_of_what_is_logged() -> None:
    assert "ttt" not in repr(wish(FakeLink()))
