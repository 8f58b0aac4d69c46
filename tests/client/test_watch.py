from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

import pytest

from boruta_farm.client.channel import NO_TEXTS, GoodAnswer
from boruta_farm.client.watch import Happening, Lost, RequestWatch, Resync
from boruta_farm.model.errors import NotFoundError, ProtocolError, UnavailableError
from boruta_farm.model.events import Event, EventKind

HELLO = "retry: 1000\n: listening\n\n"
GONE = 'event: resync\ndata: {"Reason":"fell behind"}\n\n'


def event(number: int, kind: str = "worker.state") -> str:
    data = f'{{"Number":{number},"At":"2026-01-01T00:00:00Z","Kind":"{kind}"}}'
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n"


class Script:
    """Play one connection after the other; an error is raised in place of a connection."""

    def __init__(self, *connections: str | Exception) -> None:
        self.connections = list(connections)
        self.headers: list[Mapping[str, str]] = []
        self.queries: list[Mapping[str, str]] = []
        self.pauses: list[float] = []
        self.host = "lab"
        self.offset = timedelta()

    async def get(self, path: str, query: Mapping[str, str] = NO_TEXTS) -> NoReturn:
        raise AssertionError(path)

    def stream(self, path: str, query: Mapping[str, str] = NO_TEXTS) -> NoReturn:
        raise AssertionError(path)

    async def post(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] = NO_TEXTS,
        patience: float = 0.0,
    ) -> GoodAnswer:
        raise AssertionError(path)

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str] = NO_TEXTS, headers: Mapping[str, str] = NO_TEXTS
    ) -> AsyncIterator[AsyncIterator[str]]:
        assert path == "events"
        self.headers.append(headers)
        self.queries.append(query)
        connection = self.connections.pop(0)
        if isinstance(connection, Exception):
            raise connection
        yield _lines(connection)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def _lines(text: str) -> AsyncIterator[str]:
    for line in text.splitlines():
        yield line


class TheEndError(Exception):
    """The script is over."""


async def play(script: Script, watch: RequestWatch | None = None) -> list[Happening]:
    """Collect what a watch tells until the script is over."""
    script.connections.append(TheEndError())
    told: list[Happening] = []
    happenings = (watch or RequestWatch(script, pause=script.pause)).happenings()
    try:
        while True:
            told.append(await anext(happenings))
    except TheEndError:
        return told


def numbers(told: list[Happening]) -> list[int]:
    return [happening.number for happening in told if isinstance(happening, Event)]


async def test_first_comes_the_word_to_read_the_state() -> None:
    told = await play(Script(HELLO + event(1) + event(2)))
    assert told[0] == Resync(gap=False)
    assert isinstance(told[1], Event)
    assert told[1].kind is EventKind.WORKER_STATE
    assert numbers(told) == [1, 2]
    assert told[-1] == Lost(reason="the server ended the stream of events")


async def test_a_lost_connection_is_taken_up_without_a_gap() -> None:
    script = Script(HELLO + event(4), UnavailableError("away"), HELLO + event(5))
    told = await play(script)
    assert [h.get("Last-Event-ID") for h in script.headers] == [None, "4", "4", "5"]
    assert numbers(told) == [4, 5]
    losses = [happening for happening in told if isinstance(happening, Lost)]
    assert len(losses) == 2, "one for each outage, however many attempts it takes"
    assert [h for h in told if isinstance(h, Resync)] == [Resync(gap=False), Resync(gap=False)]


async def test_without_a_number_to_resume_from_there_is_a_gap() -> None:
    told = await play(Script(HELLO, HELLO))
    assert [h for h in told if isinstance(h, Resync)] == [Resync(gap=False), Resync(gap=True)]


async def test_the_servers_resync_is_passed_on_and_the_next_connection_resumes() -> None:
    script = Script(HELLO + event(4) + GONE, HELLO)
    told = await play(script)
    assert told[2] == Resync(gap=True, reason="fell behind")
    assert script.headers[1] == {"Last-Event-ID": "4"}


async def test_a_number_the_journal_does_not_hold_is_forgotten() -> None:
    script = Script(HELLO + "id:\n" + GONE + event(9), HELLO)
    told = await play(script, RequestWatch(script, after=5000, pause=script.pause))
    assert [h.get("Last-Event-ID") for h in script.headers] == ["5000", "9", "9"]
    assert numbers(told) == [9]


async def test_pauses_grow_and_start_over() -> None:
    away = [UnavailableError("away")] * 8
    script = Script(HELLO, *away, HELLO)
    await play(script)
    assert script.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 0.1]


async def test_the_first_failure_is_the_callers() -> None:
    with pytest.raises(UnavailableError, match="away"):
        await anext(RequestWatch(Script(UnavailableError("away"))).happenings())


async def test_refusals_are_never_waited_out() -> None:
    script = Script(HELLO, NotFoundError("no events here"))
    with pytest.raises(NotFoundError):
        async for _ in RequestWatch(script, pause=script.pause).happenings():
            pass


async def test_filters_and_start() -> None:
    script = Script(HELLO)
    await play(script, RequestWatch(script, request_id=3, worker="u", after=7, pause=script.pause))
    assert script.queries[0] == {"request": "3", "worker": "u"}
    assert script.headers[0] == {"Last-Event-ID": "7"}


async def test_events_of_tomorrow_are_skipped_but_counted() -> None:
    script = Script(HELLO + event(3, "worker.painted"), HELLO)
    assert numbers(await play(script)) == []
    assert script.headers[1] == {"Last-Event-ID": "3"}


async def test_an_event_that_is_no_json() -> None:
    script = Script(HELLO + "data: {\n\n")
    with pytest.raises(ProtocolError):
        async for _ in RequestWatch(script, pause=script.pause).happenings():
            pass
