"""Messages arrive, also at the second attempt, and a bad destination is in nobody's way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from boruta_farm.clock import VirtualClock
from boruta_farm.model.addresses import parse_network
from boruta_farm.notify.delivery import (
    AT_ONCE,
    DOUBTED_AT_ONCE,
    MOST_OF_ONE,
    PAUSES,
    Deliveries,
    Sender,
    WebhookTarget,
)
from boruta_farm.notify.guard import AddressGuard, JudgedAddress
from boruta_farm.notify.notice import Notice, NoticeKind, signed

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HERE = AddressGuard([parse_network("127.0.0.0/8")])
SECRET = bytes(range(32))


def message(number: int) -> Notice:
    return Notice(
        name=f"event_{number}", kind=NoticeKind.GRANTED, at=NOW, owner="ann", data={"N": number}
    )


def destination(owner: str = "ann", port: int = 1) -> WebhookTarget:
    return WebhookTarget(owner=owner, url=f"http://127.0.0.1:{port}/hook", secret=SECRET)


class Post:
    """Take what is sent, answer as told, and tell when there is news."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[JudgedAddress, bytes, dict[str, str]]] = []
        self.hung: set[str] = set()
        self._news = asyncio.Event()

    async def __call__(self, place: JudgedAddress, body: bytes, headers: dict[str, str]) -> int:
        if place.url in self.hung:
            await asyncio.Event().wait()
        self.taken.append((place, body, headers))
        self._news.set()
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def delivering(
    send: Sender | None, pauses: list[float] | None = None
) -> AsyncIterator[Deliveries]:
    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)
        await asyncio.sleep(0)

    deliveries = Deliveries(VirtualClock(NOW), HERE, send, pause)
    task = asyncio.create_task(deliveries.deliver())
    try:
        yield deliveries
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_in_order_signed_and_tried_again() -> None:
    post, pauses = Post(500, OSError("refused"), 204), list[float]()
    async with delivering(post, pauses) as deliveries:
        for number in (1, 2):
            deliveries.put(destination(), message(number))
        await post.until(lambda: len(post.taken) == 4)
    assert [headers["webhook-id"] for _, _, headers in post.taken] == ["event_1"] * 3 + ["event_2"]
    assert pauses == list(PAUSES[:2])
    _, body, headers = post.taken[0]
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers == signed(message(1), body, SECRET, sent)


async def test_given_up_after_the_last_attempt(caplog: pytest.LogCaptureFixture) -> None:
    post, pauses = Post(*[503] * 6), list[float]()
    async with delivering(post, pauses) as deliveries:
        deliveries.put(destination(), message(1))
        deliveries.put(destination(), message(2))
        await post.until(lambda: len(post.taken) == 7)
    assert pauses == list(PAUSES)
    (told,) = caplog.messages
    assert told == "the webhook of ann was not told of request.granted: the answer was 503"


@pytest.mark.parametrize("status", [410, 200])
async def test_what_needs_no_second_attempt(status: int) -> None:
    post, pauses = Post(status), list[float]()
    async with delivering(post, pauses) as deliveries:
        deliveries.put(destination(), message(1))
        deliveries.put(destination(), message(2))
        await post.until(lambda: len(post.taken) == 2)
    assert pauses == []


async def test_a_place_that_is_not_called(caplog: pytest.LogCaptureFixture) -> None:
    post = Post()
    async with delivering(post) as deliveries:
        bad = WebhookTarget(owner="eve", url="https://10.0.0.1/?token=hidden", secret=SECRET)
        deliveries.put(bad, message(1))
        deliveries.put(destination("eve"), message(2))
        await post.until(lambda: len(post.taken) == 1)
    (told,) = caplog.messages
    assert told.startswith("the webhook of eve is not called: it leads to this machine or into a")
    assert "hidden" not in told


async def test_one_that_hangs_is_in_nobodys_way_and_what_waits_for_it_is_bounded() -> None:
    post = Post()
    post.hung.add("http://127.0.0.1:1/hook")
    async with delivering(post) as deliveries:
        for number in range(MOST_OF_ONE + 50):
            deliveries.put(destination("eve", 1), message(number))
        deliveries.put(destination("bob", 2), message(7))
        await post.until(lambda: len(post.taken) == 1)
        assert post.taken[0][0].url == "http://127.0.0.1:2/hook"
        assert len(deliveries._waiting["eve"]) == MOST_OF_ONE


async def test_many_that_are_slow_are_not_in_the_way_of_one_that_answers() -> None:
    """The attack: accounts in number whose receivers take all the time that there is."""
    failed, answered, hanging = 0, asyncio.Event(), asyncio.Queue[None]()

    async def send(place: JudgedAddress, body: bytes, headers: dict[str, str]) -> int:
        nonlocal failed
        if place.url.endswith(":2/hook"):
            answered.set()
            return 204
        if failed < AT_ONCE:
            failed += 1
            return 500
        hanging.put_nowait(None)
        await asyncio.Event().wait()
        raise AssertionError("it never ends")

    async with delivering(send) as deliveries, asyncio.timeout(20):
        for number in range(AT_ONCE):
            deliveries.put(destination(f"eve-{number}", 1), message(1))
        for _ in range(DOUBTED_AT_ONCE):
            await hanging.get()
        deliveries.put(destination("bob", 2), message(2))
        await answered.wait()
    assert hanging.empty(), "those that did not take the last one have so many places, no more"


async def test_over_http_no_redirect_is_followed() -> None:
    heard: list[bytes] = []
    answers = [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/else\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ]
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        heard.append(head + await reader.readexactly(length))
        writer.write(answers[len(heard) - 1])
        await writer.drain()
        writer.close()
        if len(heard) == len(answers):
            done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, delivering(None) as deliveries:
        deliveries.put(destination(port=port), message(1))
        async with asyncio.timeout(20):
            await done.wait()
    assert [text.split(b"\r\n")[0] for text in heard] == [b"POST /hook HTTP/1.1"] * 2
    assert f"host: 127.0.0.1:{port}".encode() in heard[0].lower()
    assert heard[0].endswith(message(1).body())
