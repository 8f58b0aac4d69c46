import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from boruta_farm.client.blocking import (
    Bridge,
    PlainConsole,
    PlainLease,
    PlainPower,
    PlainScreen,
)
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.device import DevicePower, DeviceScreen
from boruta_farm.client.device_console import DeviceConsole
from boruta_farm.client.lease import Lease
from boruta_farm.client.session import borrow
from boruta_farm.model.request import RequestState
from tests.client.serving import FIRST_PORT, Served


def fail(error: BaseException) -> None:
    raise error


class Scene:
    """Note what happens inside an async context manager."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.tasks: list[object] = []

    @asynccontextmanager
    async def manager(self, *, swallow: bool = False) -> AsyncIterator[int]:
        self.tasks.append(asyncio.current_task())
        try:
            yield 42
        except KeyError:
            self.notes.append("KeyError")
            if not swallow:
                raise
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise
        finally:
            self.tasks.append(asyncio.current_task())
            self.notes.append("left")


def test_run_returns_and_raises() -> None:
    async def answer(value: int) -> int:
        if value == 0:
            raise KeyError(value)
        return value

    with Bridge() as bridge:
        assert bridge.run(answer(3)) == 3
        with pytest.raises(KeyError):
            bridge.run(answer(0))


def test_entered_and_left_in_one_task() -> None:
    scene = Scene()
    with Bridge() as bridge, bridge.enter(scene.manager()) as value:
        assert value == 42
        assert scene.notes == []
    assert scene.notes == ["left"]
    assert scene.tasks[0] is scene.tasks[1]


def test_an_error_of_the_block_is_raised_inside_and_outside() -> None:
    scene = Scene()
    with Bridge() as bridge:
        with pytest.raises(KeyError), bridge.enter(scene.manager()):
            fail(KeyError())
        with bridge.enter(scene.manager(swallow=True)):
            fail(KeyError())
    assert scene.notes == ["KeyError", "left", "KeyError", "left"]


def test_interrupts_leave_by_cancelling() -> None:
    scene = Scene()
    with Bridge() as bridge:
        with pytest.raises(KeyboardInterrupt), bridge.enter(scene.manager()):
            fail(KeyboardInterrupt())
        assert bridge.run(asyncio.sleep(0, "alive")) == "alive"
    assert scene.notes == ["cancelled", "left"]


def test_a_manager_that_cannot_be_entered() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        fail(KeyError("broken"))
        yield

    with Bridge() as bridge, pytest.raises(KeyError, match="broken"), bridge.enter(broken()):
        raise AssertionError("not reached")


def test_nothing_is_left_behind() -> None:
    started = threading.Event()
    notes: list[str] = []

    async def forgotten() -> None:
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        notes.append("ended")

    async def forget() -> asyncio.Task[None]:
        return asyncio.create_task(forgotten())

    before = threading.active_count()
    with Bridge() as bridge:
        # A loop holds its tasks weakly: one that nobody keeps may be gone before it is cancelled.
        task = bridge.run(forget())
        assert started.wait(5)
    assert task.done()
    assert notes == ["ended"]
    assert threading.active_count() == before


def test_borrow_from_blocking_code(served: Served) -> None:
    served.board(1, "lab")
    config = ClientConfig(server=served.address)
    with Bridge() as bridge, bridge.enter(borrow({}, config=config)) as lease:
        assert lease.access.port == FIRST_PORT
        assert served.request(1).state is RequestState.IN_PROGRESS
    assert served.request(1).state is RequestState.DONE


UPKEEP = {"ended", "notice_end", "prolong_for_ever", "release_files", "renew_for_ever"}
"""What only a loop that goes on has use for."""


@pytest.mark.parametrize(
    ("waiting", "plain"),
    [
        (Lease, PlainLease),
        (DevicePower, PlainPower),
        (DeviceScreen, PlainScreen),
        (DeviceConsole, PlainConsole),
    ],
)
def test_plain_code_has_what_async_code_has(waiting: type[object], plain: type[object]) -> None:
    def offered(kind: type[object]) -> dict[str, object]:
        """Return what each method takes, without what it returns: one of both is awaited."""
        return {
            name: [str(p).split(":")[0] for p in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and name not in UPKEEP
        }

    assert offered(waiting) == offered(plain)
