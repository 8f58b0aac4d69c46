"""A farm's data made ahead: many waiting requests, some closed ones, prepared boards."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from boruta_farm.access.cipher import AesGcmCipher
from boruta_farm.clock import SystemClock
from boruta_farm.contracts import Prepared
from boruta_farm.core import requests as core
from boruta_farm.core.plan import Plan
from boruta_farm.core.world import World
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.farm.engine import Engine
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, KeyPair, Registration, WorkerState
from boruta_farm.server.folder import DATABASE_FILE
from boruta_farm.store.factory import open_store
from boruta_farm.testing.boards import SimulatedBoards

AT_ONCE = 1000
KINDS = 100
"""How many kinds of busy boards there are that the waiting requests ask for."""

READY = {"kind": "ready"}
"""What a request asks for that is to be served at once."""


READY_EPOCH = 1
"""The epoch of a board that was prepared once."""

BOOT = "boot-1"


def busy(number: int) -> dict[str, str]:
    """Return what a request asks for that is to wait: a board that is in maintenance."""
    return {"kind": f"busy-{number % KINDS}", "arch": "arm64"}


def board_uuid(number: int) -> str:
    """Return the UUID of the bench's board of this number."""
    return f"0badb0a2-0000-4000-8000-{number:012x}"


def board_caps(number: int) -> dict[str, str]:
    """Return a ready board's capabilities, one in four a little different."""
    return {"UUID": board_uuid(number), **READY, "arch": "arm64", "lab": f"lab-{number % 4}"}


def board_credential(number: int) -> str:
    """Return the bearer that the board's agent presents."""
    return f"bench-{board_uuid(number)}"


def board_registration(
    number: int, caps: dict[str, str], epoch: int = 0, ssh_port: int = 22
) -> Registration:
    """Return what the farm is told of a board."""
    return Registration(
        caps=caps,
        dryad_address="127.0.0.1:7175",
        ssh_address=f"127.0.0.1:{ssh_port}",
        fence=Fence.AGENT,
        name=f"board-{number}",
        epoch=epoch,
        boot_id=BOOT,
        credential=hashlib.sha256(board_credential(number).encode()).hexdigest(),
    )


async def fill(
    data: Path,
    *,
    ready: int = 0,
    maintenance: int = 0,
    waiting: int = 0,
    closed: int = 0,
    database: str = "",
    ssh_port: int = 22,
) -> None:
    """Make a farm's data in an empty folder, its records in another ``database`` where named.

    ``ready`` boards are IDLE and ``maintenance`` boards of the same kind are not. When requests
    are wanted, KINDS further boards in MAINTENANCE are those that they ask for. All have their SSH
    server at ``ssh_port``.
    """
    clock, settings = SystemClock(), FarmSettings(tunnel_ports=(20000, 31999))
    store = open_store(database or data / DATABASE_FILE, clock, settings)
    await store.start()
    try:
        cipher = AesGcmCipher.load(data)
        farm = AssembledFarm(store, settings, clock, cipher, SimulatedBoards(clock))
        for numbers in _batches(ready + maintenance):
            await asyncio.gather(*(_register(farm, n, board_caps(n), ssh_port) for n in numbers))
        for numbers in _batches(ready):
            await asyncio.gather(*(_make_ready(farm, number) for number in numbers))
        if waiting or closed:
            for number in range(KINDS):
                place = ready + maintenance + number
                await _register(farm, place, {"UUID": board_uuid(place), **busy(number)})
        engine = Engine(store)
        await _each(engine, waiting + closed, _file)
        await _each(engine, closed, _close)
    finally:
        await store.close()


async def _register(
    farm: AssembledFarm, number: int, caps: dict[str, str], ssh_port: int = 22
) -> None:
    await farm.superviser.register(board_registration(number, caps, ssh_port=ssh_port))


async def _make_ready(farm: AssembledFarm, number: int) -> None:
    uuid = board_uuid(number)
    await farm.workers.set_state(LOCAL_ADMIN, uuid, WorkerState.IDLE)
    worker = await farm.workers.get_worker_info(LOCAL_ADMIN, uuid)
    assert worker.epoch == READY_EPOCH, "a board's first preparation"
    key = KeyPair(public=f"ssh-rsa {number}", private=f"private {number}")
    await farm.reports.prepared(uuid, worker.epoch, key, Prepared(username="boruta-user"))


Answer = TypeVar("Answer")
Decision = Callable[[World, datetime], Plan[Answer]]


def _batches(count: int) -> Iterator[range]:
    """Yield the numbers up to ``count``, some at once."""
    for first in range(0, count, AT_ONCE):
        yield range(first, min(first + AT_ONCE, count))


async def _each(engine: Engine, count: int, decision: Callable[[int], Decision[object]]) -> None:
    for numbers in _batches(count):
        await engine.run_each(tuple(decision(number) for number in numbers))


def _file(number: int) -> Decision[object]:
    new = NewRequest(caps=busy(number), priority=1 + number * 7 % 16)
    return partial(_create, new)


def _create(new: NewRequest, world: World, now: datetime) -> Plan[object]:
    return Plan(answer=None, steps=core.create(world, LOCAL_ADMIN, new, now).steps)


def _close(number: int) -> Decision[object]:
    return partial(_close_request, number * 5 + 1)


def _close_request(request_id: int, world: World, now: datetime) -> Plan[object]:
    return Plan(answer=None, steps=core.close(world, request_id, now).steps)
