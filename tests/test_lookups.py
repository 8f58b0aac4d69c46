"""Names that others choose: one lookup at a time of each, in threads that nobody else needs."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from boruta_farm.lookups import THREADS, Found, Lookups

WITHIN = 30.0
EVIL = ".evil.example"


class Names:
    """Answer for names; those of the evil one hang until they are let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def answer(self, host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host.endswith(EVIL):
            self.let_go.wait(WITHIN)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.answer)
    yield names
    names.let_go.set()


async def started(lookups: Lookups, *asked: tuple[str, str]) -> list["asyncio.Task[Found]"]:
    tasks = [asyncio.create_task(lookups.find(host, asker)) for host, asker in asked]
    await asyncio.sleep(0)
    return tasks


async def test_lookups_that_hang_hold_up_nobody_else_s(names: Names) -> None:
    lookups = Lookups()
    many = [(f"{number}{EVIL}", "mallory") for number in range(3 * THREADS)]
    tasks = await started(lookups, *many)
    async with asyncio.timeout(WITHIN):
        assert await lookups.find("board.example", "ann") == [(socket.AF_INET, "192.0.2.1")]
    assert len([name for name in names.asked if name.endswith(EVIL)]) <= 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_gives_up_begins_no_other_until_the_first_has_ended(names: Names) -> None:
    lookups = Lookups()
    for number in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await lookups.find(f"{number}{EVIL}", "mallory")
    assert names.asked == [f"0{EVIL}"]
    names.let_go.set()
    async with asyncio.timeout(WITHIN):
        assert await lookups.find("board.example", "mallory")


async def test_the_same_name_is_looked_up_once_for_all_who_wait(names: Names) -> None:
    lookups = Lookups()
    tasks = await started(lookups, *[(f"a{EVIL}", "w1")] * 3)
    names.let_go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, OSError) for each in found)
    assert names.asked == [f"a{EVIL}"]
