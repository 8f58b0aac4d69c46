import asyncio
from dataclasses import replace

from tests.web.journal import FakeJournal
from tests.web.serving import NOW, World

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.events import Change, Event, EventKind
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.testing.loop import run_virtual
from boruta_farm.web.audience import FULL, PER_READER, Audience, Printing, StreamReader
from boruta_farm.web.interest import Interest

CREATED = EventKind.REQUEST_CREATED
BOUND = 1000
LATER = 60.0
ALL = Interest(requests=None, workers=None)


def of_request(number: int) -> Interest:
    return Interest(requests=frozenset({number}), workers=None)


def numbers(text: bytes | None) -> list[int]:
    assert text is not None
    return [int(line[4:]) for line in text.splitlines() if line.startswith(b"id: ")]


async def heard(reader: StreamReader, within: float = LATER) -> list[int]:
    return numbers(await reader.next(asyncio.get_running_loop().time() + within))


def test_what_comes_first_is_told_at_once_and_a_flood_together() -> None:
    async def main() -> None:
        loop, journal = asyncio.get_running_loop(), FakeJournal()
        audience = Audience(journal.feed())
        readers = [audience.enter(ALL, BOUND) for _ in range(100)]
        pause = PER_READER * len(readers)
        begun = loop.time()
        journal.tell(journal.happened(CREATED, 1))
        assert [await heard(reader) for reader in readers] == [[1]] * 100
        assert loop.time() == begun
        journal.tell(journal.happened(CREATED, 2))
        await asyncio.sleep(pause / 2)
        journal.tell(journal.happened(CREATED, 3))
        assert [await heard(reader) for reader in readers] == [[2, 3]] * 100
        assert loop.time() - begun >= pause
        await asyncio.sleep(LATER)
        begun = loop.time()
        journal.tell(
            *(replace(journal.happened(CREATED, n), number=4 + n) for n in range(FULL)),
        )
        assert len(await heard(readers[0])) == FULL
        journal.tell(
            *(replace(journal.happened(CREATED, n), number=4 + FULL + n) for n in range(FULL)),
        )
        assert len(await heard(readers[0])) == FULL
        assert loop.time() == begun
        for reader in readers:
            audience.leave(reader)

    run_virtual(main())


def test_who_asks_for_something_else_is_not_woken() -> None:
    async def main() -> None:
        journal = FakeJournal()
        audience = Audience(journal.feed())
        mine, other = audience.enter(of_request(1), BOUND), audience.enter(of_request(2), BOUND)
        waiting = asyncio.create_task(heard(other))
        journal.tell(journal.happened(CREATED, 1))
        assert await heard(mine) == [1]
        await asyncio.sleep(1)
        assert not waiting.done()
        journal.tell(journal.happened(CREATED, 2))
        assert await waiting == [2]
        audience.leave(mine)
        audience.leave(other)

    run_virtual(main())


def test_nothing_that_happened_before_a_reader_came_is_told_him() -> None:
    async def main() -> None:
        journal = FakeJournal()
        audience = Audience(journal.feed())
        first = audience.enter(ALL, BOUND)
        journal.tell(journal.happened(CREATED, 1))
        assert await heard(first) == [1]
        journal.tell(journal.happened(CREATED, 2))
        await asyncio.sleep(0)
        second = audience.enter(ALL, BOUND)
        journal.tell(journal.happened(CREATED, 3))
        assert await heard(first) == [2, 3]
        assert await heard(second) == [3]
        audience.leave(first)
        audience.leave(second)

    run_virtual(main())


def test_one_reader_falls_behind_alone() -> None:
    async def main() -> None:
        journal = FakeJournal()
        audience = Audience(journal.feed())
        slow, quick = audience.enter(ALL, 2), audience.enter(ALL, BOUND)
        for number in range(1, 4):
            journal.tell(journal.happened(CREATED, number))
            assert await heard(quick) == [number]
        assert await slow.next(0) is None
        audience.leave(slow)
        audience.leave(quick)

    run_virtual(main())


async def test_a_record_that_changed_twice_is_told_as_it_is_now() -> None:
    farm = await make_request()
    first = Change(event=event_of(1), request=farm)
    second = Change(event=event_of(2), request=replace(farm, priority=3))
    said = Printing().records([first, second])
    assert said.count(b"request.record") == 1
    assert b'"Priority":3' in said
    assert Printing().records([second]) == said


async def make_request() -> Request:
    """Return a request as a farm keeps it."""
    async with World() as world:
        await world.requests.new_request(LOCAL_ADMIN, NewRequest(caps={}, priority=8))
        return await world.request(1)


def event_of(number: int) -> Event:
    return Event(number=number, at=NOW, kind=CREATED, request_id=1)
