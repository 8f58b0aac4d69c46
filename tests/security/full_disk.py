"""A store on a disk of a few MiB of its own, filled by somebody else: run in a namespace."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from boruta_farm.model.errors import StorageFullError
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.base import Decide
from boruta_farm.store.sqlite import SqliteStore
from tests.store.making import (
    HandClock,
    changing,
    creating,
    finishing,
    granting,
    make_worker,
    registering,
)

MIB = 1024 * 1024
JOBS = 5


class Counted(logging.Handler):
    """Count lines that matter."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is None, "no traceback for a full disk"
        self.lines.append(record.getMessage())


def fill(folder: Path, leave: int) -> None:
    """Write until only so much is left, as another program on that disk would."""
    with (folder / "others").open("ab") as others:
        while (found := os.statvfs(folder)).f_bavail * found.f_frsize > leave:
            others.write(b"x" * 4096)
            others.flush()


async def refused(store: SqliteStore, command: "Decide[object]") -> str:
    try:
        await store.execute(command)
    except StorageFullError as error:
        return error.message
    raise AssertionError("nothing was refused")


async def main(folder: Path) -> None:
    log = Counted()
    logging.getLogger("boruta_farm").addHandler(log)
    clock = HandClock()
    store = SqliteStore(folder / "farm.db", clock, FarmSettings(disk_reserve=1))
    await store.start()
    reserve = folder / "farm.db-reserve"
    assert reserve.stat().st_blocks * 512 >= MIB
    assert store.alive(clock.now()) is None
    for number in range(1, JOBS + 1):
        await store.execute(registering(make_worker(number)))
        await store.execute(creating())
    for number in range(1, JOBS):
        await store.execute(granting(number, make_worker(number).uuid))

    fill(folder, MIB // 2)
    assert "new requests are refused" in (store.alive(clock.now()) or "")
    assert "new requests are refused until 1 MiB" in await refused(store, creating())
    assert store.only_ends() is None
    await store.execute(granting(JOBS, make_worker(JOBS).uuid))
    await store.execute(finishing(1))
    assert reserve.exists(), "what is there without it is used first"

    fill(folder, 0)
    assert store.only_ends() is None, "nobody has met the full disk yet"
    large = changing(4, caps={"padding": "x" * 100_000})
    assert "all but what ends is refused" in await refused(store, large)
    assert "all but what ends is refused" in await refused(store, creating())
    await store.execute(finishing(2))
    assert not reserve.exists()
    assert store.only_ends() is not None
    for _ in range(20):
        await refused(store, creating())
    assert len(log.lines) <= 3, log.lines

    (folder / "others").unlink()
    assert store.alive(clock.now()) is None
    assert reserve.exists()
    assert await store.execute(creating()) == JOBS + 1
    await store.execute(finishing(3))
    await store.close()
    assert not reserve.exists()
    print("held")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
