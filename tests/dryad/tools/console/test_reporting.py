"""Logs go to the farm whole, in order, until it has them; what it cannot take now stays."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.console.logs import LogFolder
from boruta_farm.dryad.tools.console.reporting import report_logs
from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.model.console import ConsoleChunk, unpack_chunk
from boruta_farm.model.errors import BorutaError, StaleEpochError, UnavailableError
from tests.dryad.tools.console.lines import until


class Farm:
    """Take parts of logs, or answer with ``trouble``; ``older`` takes none."""

    def __init__(self) -> None:
        self.told: list[tuple[int, ConsoleChunk]] = []
        self.trouble: BorutaError | None = None
        self.older = False

    async def console(self, epoch: int, chunk: ConsoleChunk) -> bool:
        self.told.append((epoch, chunk))
        if self.trouble is not None:
            raise self.trouble
        return not self.older

    def content(self, epoch: int) -> bytes:
        parts = [chunk for number, chunk in self.told if number == epoch]
        assert [part.sequence for part in parts] == list(range(len(parts)))
        assert {part.count for part in parts} == {len(parts)}
        return b"".join(piece.data for part in parts for piece in unpack_chunk(part.content))


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring.make("uart")
    yield made
    made.close()


@pytest.fixture
def logs(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path / "logs")


def store(logs: LogFolder, ring: Ring, epoch: int, said: bytes) -> None:
    """End a job in which a console said something."""
    for start in range(0, len(said), 65536):
        ring.append(said[start : start + 65536], 1_000_000 + start)
    ring.cut()
    logs.store(epoch, "uart", ring)
    ring.forget()
    logs.changed.set()


@asynccontextmanager
async def reporting(logs: LogFolder, farm: Farm) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(report_logs(logs, farm.console))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_waits_and_what_comes_is_told_and_forgotten(logs: LogFolder, ring: Ring) -> None:
    long = bytes(range(256)) * 8192
    store(logs, ring, 7, long)
    store(logs, ring, 8, b"short")
    farm = Farm()
    async with reporting(logs, farm):
        await until(lambda: not logs.pending())
        assert [epoch for epoch, _ in farm.told] == sorted(epoch for epoch, _ in farm.told)
        assert (farm.content(7), farm.content(8)) == (long, b"short")
        assert len(farm.told) > 2
        store(logs, ring, 9, b"while it reports")
        await until(lambda: not logs.pending())
        assert farm.content(9) == b"while it reports"


async def test_what_a_farm_out_of_reach_has_not_taken_is_told_again(
    logs: LogFolder, ring: Ring
) -> None:
    store(logs, ring, 7, b"first")
    farm = Farm()
    farm.trouble = UnavailableError("the link is gone")
    with pytest.raises(UnavailableError):
        await report_logs(logs, farm.console)
    assert [log.epoch for log in logs.pending()] == [7]
    farm.told.clear()
    farm.trouble = None
    async with reporting(logs, farm):
        await until(lambda: not logs.pending())
    assert farm.content(7) == b"first"


async def test_what_the_farm_will_not_have_is_given_up_and_said(
    logs: LogFolder, ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    store(logs, ring, 7, b"of a job that it does not know")
    farm = Farm()
    farm.trouble = StaleEpochError()
    with caplog.at_level(logging.WARNING):
        async with reporting(logs, farm):
            await until(lambda: not logs.pending())
    assert "epoch 7: the farm has no log of uart" in caplog.text


async def test_an_older_farm_gets_it_when_it_is_newer(logs: LogFolder, ring: Ring) -> None:
    store(logs, ring, 7, b"kept")
    farm = Farm()
    farm.older = True
    async with reporting(logs, farm):
        await until(lambda: len(farm.told) == 1)
        store(logs, ring, 8, b"kept, too")
        await until(lambda: len(farm.told) == 3)
        assert [log.epoch for log in logs.pending()] == [7, 8]
    farm.told.clear()
    farm.older = False
    logs.changed.set()
    async with reporting(logs, farm):
        await until(lambda: not logs.pending())
    assert (farm.content(7), farm.content(8)) == (b"kept", b"kept, too")
