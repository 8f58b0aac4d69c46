"""The one bridge between blocking callers and the client."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    contextmanager,
)
from datetime import datetime
from functools import wraps
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from boruta_farm.client.device import DevicePower, DeviceScreen, DeviceTool, Flashed, PowerReading
from boruta_farm.client.device_console import ConsoleMatch, DeviceConsole
from boruta_farm.client.entered import entering
from boruta_farm.client.lease import Lease
from boruta_farm.client.way import BoardWay
from boruta_farm.model.request import Request
from boruta_farm.model.worker import AccessInfo

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class Bridge:
    """Run an event loop in a thread of its own while the ``with`` block lasts.

    What is entered through it keeps running between calls, so a lease is prolonged while the
    blocking caller does something else.
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="boruta-client", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(_cancel_others())
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end and return its result; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @contextmanager
    def enter(self, manager: AbstractAsyncContextManager[Result]) -> Iterator[Result]:
        """Use an async context manager in a ``with`` statement.

        It is entered and left in one task, as timeouts and task groups inside it demand; an
        error of the block is raised inside of it.
        """
        held = self.run(entering(manager))
        try:
            value = self.run(held.entered())
        except BaseException:
            self.run(held.abandon())
            raise
        try:
            yield value
        except Exception as error:
            if not self.run(held.leave(error)):
                raise
        except BaseException:
            # What ends the caller's thread must not end the loop's.
            self.run(held.abandon())
            raise
        else:
            self.run(held.leave(None))


class PlainPower:
    """The device's power for code that does not await; see ``DevicePower``."""

    def __init__(self, power: DevicePower, bridge: Bridge) -> None:
        self._power = power
        self._bridge = bridge

    def named(self, name: str) -> "PlainPower":
        """Return the power of another tool."""
        return PlainPower(self._power.named(name), self._bridge)

    def on(self) -> None:
        """Give it power."""
        self._bridge.run(self._power.on())

    def off(self) -> None:
        """Take the power away."""
        self._bridge.run(self._power.off())

    def cycle(self, pause: float | None = None) -> None:
        """Take the power away for so many seconds, then give it."""
        self._bridge.run(self._power.cycle(pause))

    def state(self) -> PowerReading:
        """Read it."""
        return self._bridge.run(self._power.state())


class PlainScreen:
    """The device's screen for code that does not await; see ``DeviceScreen``."""

    def __init__(self, screen: DeviceScreen, bridge: Bridge) -> None:
        self._screen = screen
        self._bridge = bridge

    def named(self, name: str) -> "PlainScreen":
        """Return the screen of another tool."""
        return PlainScreen(self._screen.named(name), self._bridge)

    def snap(self, path: str | Path | None = None) -> bytes:
        """Return one picture, also written to ``path``."""
        return self._bridge.run(self._screen.snap(path))


class PlainConsole:
    """The device's console for code that does not await; see ``DeviceConsole``."""

    def __init__(self, console: DeviceConsole, bridge: Bridge) -> None:
        self._console = console
        self._bridge = bridge

    def named(self, name: str) -> "PlainConsole":
        """Return another console."""
        return PlainConsole(self._console.named(name), self._bridge)

    def send(self, text: str, *, take: bool = False) -> None:
        """Send a text; see ``DeviceConsole.send``."""
        self._bridge.run(self._console.send(text, take=take))

    def expect(self, pattern: str, timeout: float = 60.0) -> ConsoleMatch:
        """Wait until a regular expression matches what comes."""
        return self._bridge.run(self._console.expect(pattern, timeout))

    def log(self, *, times: bool = False) -> bytes:
        """Return what came since the job's start."""
        return self._bridge.run(self._console.log(times=times))

    def send_break(self) -> None:
        """Send a break."""
        self._bridge.run(self._console.send_break())


class PlainLease:
    """A lease for code that does not await; made by ``with borrow(...)``."""

    def __init__(self, lease: Lease, bridge: Bridge) -> None:
        self.request_id = lease.request_id
        self.worker = lease.worker
        self.power = PlainPower(lease.power, bridge)
        self.screen = PlainScreen(lease.screen, bridge)
        self.console = PlainConsole(lease.console, bridge)
        self._lease = lease
        self._bridge = bridge

    @property
    def access(self) -> AccessInfo:
        """Return how the board is reached."""
        return self._lease.access

    def move(self, access: AccessInfo, way: BoardWay) -> None:
        """Reach the board so from now on, by what the farm tells now."""
        self._lease.move(access, way)

    @property
    def until(self) -> datetime:
        """Return when the job ends, unless it is prolonged as it is while it is held."""
        return self._lease.until

    @property
    def over(self) -> Request | None:
        """Return the finished request if the job is known to be over, else None."""
        return self._lease.over

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        check: bool = False,
        timeout: float | None = None,
        most: int | None = None,
    ) -> CompletedProcess[str]:
        """Run a command on the board; see ``Lease.run``."""
        return self._bridge.run(
            self._lease.run(command, input=input, check=check, timeout=timeout, most=most)
        )

    def put(self, local: str | Path, remote: str = "") -> None:
        """Copy a file or folder to the board; see ``Lease.put``."""
        self._bridge.run(self._lease.put(local, remote))

    def get(self, remote: str, local: str | Path = ".") -> None:
        """Copy a file or folder from the board; see ``Lease.get``."""
        self._bridge.run(self._lease.get(remote, local))

    def fetch(self, remote: str, local: Path, most: int) -> None:
        """Copy a file of so many bytes at most from the board; see ``Lease.fetch``."""
        self._bridge.run(self._lease.fetch(remote, local, most))

    @contextmanager
    def forward(self, port: int, *, host: str = "localhost", local: int = 0) -> Iterator[int]:
        """Let a port here lead to one of the board's supervisor; see ``Lease.forward``."""
        with self._bridge.enter(self._lease.forward(port, host=host, local=local)) as chosen:
            yield chosen

    def press(self, name: str = "", hold: float | None = None) -> None:
        """Press a button of the device; see ``Lease.press``."""
        self._bridge.run(self._lease.press(name, hold))

    def flash(
        self,
        image: str | Path,
        name: str = "",
        *,
        bmap: str | Path | None = None,
        sha256: str = "",
        verify: bool = True,
        keep: bool = False,
    ) -> Flashed:
        """Write an image to the device's card; see ``Lease.flash``."""
        return self._bridge.run(
            self._lease.flash(image, name, bmap=bmap, sha256=sha256, verify=verify, keep=keep)
        )

    def tools(self) -> tuple[DeviceTool, ...]:
        """Return what the board has to operate its device with; see ``Lease.tools``."""
        return self._bridge.run(self._lease.tools())

    def do(self, name: str, *words: str) -> CompletedProcess[str]:
        """Do what the board's admin has named; see ``Lease.do``."""
        return self._bridge.run(self._lease.do(name, *words))


class Borrowing(AbstractAsyncContextManager[Lease], AbstractContextManager[PlainLease]):
    """A board for a block: ``with`` in plain code, ``async with`` in async code."""

    def __init__(self, lent: AbstractAsyncContextManager[Lease]) -> None:
        self._lent = lent
        self._stack = ExitStack()

    async def __aenter__(self) -> Lease:
        return await self._lent.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._lent.__aexit__(kind, error, trace)

    def __enter__(self) -> PlainLease:
        with ExitStack() as stack:
            bridge = stack.enter_context(Bridge())
            lease = stack.enter_context(bridge.enter(self._lent))
            self._stack = stack.pop_all()
        return PlainLease(lease, bridge)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)


def both_ways(
    lend: Callable[Parameters, AbstractAsyncContextManager[Lease]],
) -> Callable[Parameters, Borrowing]:
    """Let what lends a board in async code do so in plain code too."""

    @wraps(lend)
    def lent(*arguments: Parameters.args, **options: Parameters.kwargs) -> Borrowing:
        return Borrowing(lend(*arguments, **options))

    return lent


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
