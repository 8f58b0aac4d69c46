"""The tools of one board, opened: by name, by kind, and what the agent itself does with them."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from boruta_farm.dryad.tools.base import Tool, ToolSettings
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import BRIEF, Kind, ToolKind
from boruta_farm.model.errors import BoardError, BorutaError
from boruta_farm.model.worker import TOOL_CAPABILITY
from boruta_farm.settings.declaration import Dataclass

logger = logging.getLogger(__name__)

Done = TypeVar("Done")

LOOK_WITHIN: Final = 5.0
"""Seconds: what shows a tool's state must not wait for one that hangs."""

CLOSE_WITHIN: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTool:
    """One tool with its name, what its table says, and what its kind has done with it.

    Who holds ``turn`` is alone at it.
    """

    name: str
    tool: Tool
    kind: ToolKind
    settings: ToolSettings
    table: Dataclass
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> str:
        """Return the state in words, empty where there is none. Raises BoardError, soon."""
        return await within(self.name, LOOK_WITHIN, self.kind.look(self.tool, self.table))

    async def check(self) -> None:
        """See that it is well. Raises BoardError, soon."""
        check = self.kind.check or self.kind.look
        await within(self.name, LOOK_WITHIN, check(self.tool, self.table))

    async def reset(self) -> bool:
        """Leave it as it has to be between jobs; tell whether that was proved.

        Raises BoardError when it failed, or did not answer.
        """
        limit = BRIEF if self.kind.reset_within is None else self.kind.reset_within(self.table)
        return await within(self.name, limit, self.kind.reset(self.tool, self.table))


async def within(name: str, limit: float, work: Awaitable[Done]) -> Done:
    """Wait for a tool no longer than so many seconds. Raises BoardError, whatever it raised.

    A tool that goes on after it was called off is left alone: nothing waits for it.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(_forget)
    try:
        done, _ = await asyncio.wait((task,), timeout=limit)
    finally:
        task.cancel()
    if not done:
        raise BoardError(f"tool {name}: no answer within {limit:g} s; see that it is connected")
    try:
        return task.result()
    except asyncio.CancelledError:
        raise BoardError(f"tool {name}: was called off; try again") from None
    except BorutaError as error:
        raise BoardError(f"tool {name}: {error.message}") from error
    except Exception as error:  # a driver may be a foreign package's
        logger.exception("tool %s failed", name)
        raise BoardError(f"tool {name}: {type(error).__name__}: {error}") from error


def _forget(task: "asyncio.Future[Done]") -> None:
    """Note what a tool raised, which perhaps nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.debug("a tool failed: %s", error)


class Toolbox:
    """Keep the tools of one board."""

    def __init__(self, tools: Iterable[FittedTool] = ()) -> None:
        self._tools = {each.name: each for each in tools}
        self._unproved: tuple[str, ...] = tuple(self._tools)

    def __iter__(self) -> Iterator[FittedTool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    @property
    def capabilities(self) -> dict[str, str]:
        """Return what the board can be asked for by: ``tool.power=yes`` for each kind."""
        return {f"{TOOL_CAPABILITY}{each.kind.kind}": "yes" for each in self}

    @property
    def unproved(self) -> tuple[str, ...]:
        """Return the tools of which the last reset could not be proved; all before the first."""
        return self._unproved

    @property
    def proves_reset(self) -> bool:
        """Tell whether the last reset proved that the power of the device was put back."""
        return any(
            each.kind.kind is Kind.POWER and each.name not in self._unproved for each in self
        )

    def find(self, kind: str, name: str = "") -> FittedTool:
        """Return the tool of a name, or the only one of a kind. Raises ActError."""
        those = [each for each in self if each.kind.kind == kind]
        names = ", ".join(each.name for each in those)
        if not name:
            if len(those) == 1:
                return those[0]
            if not those:
                raise ActError(f"this board has no tool of the kind {kind}; dut shows what it has")
            raise ActError(f"this board has several of the kind {kind}; name one of {names}")
        found = self._tools.get(name)
        if found is None:
            few = f"of the kind {kind} only {names or 'none'}"
            raise ActError(f"this board has no tool {name!r}, {few}")
        if found not in those:
            raise ActError(f"{name!r} is of the kind {found.kind.kind}, not of the kind {kind}")
        return found

    async def start(self) -> None:
        """Open all that tools need; one that cannot be opened is told, and tells those who use it.

        Raises ConfigError only where a driver says that its table is wrong.
        """
        for each in self:
            try:
                await within(each.name, BRIEF, each.tool.start())
            except BoardError as error:
                logger.error("%s", error.message)

    async def close(self) -> None:
        """Release all; the device under test is left as it is."""
        for each in self:
            try:
                await within(each.name, CLOSE_WITHIN, each.tool.close())
            except BoardError as error:
                logger.error("%s", error.message)

    async def reset(self) -> None:
        """Leave all as they have to be between jobs, each whatever becomes of the others.

        Power comes first: no card is taken from a device that runs. Raises BoardError naming those
        that failed.
        """
        found: dict[str, bool | BaseException] = {}
        for power in (True, False):
            those = [each for each in self if (each.kind.kind is Kind.POWER) is power]
            resets = (each.reset() for each in those)
            results = await asyncio.gather(*resets, return_exceptions=True)
            found.update(zip((each.name for each in those), results, strict=True))
        self._unproved = tuple(each.name for each in self if found[each.name] is not True)
        failed = [found[each.name] for each in self if isinstance(found[each.name], BaseException)]
        if failed:
            raise BoardError("; ".join(map(str, failed)))

    async def check_health(self) -> None:
        """See that those are well whose table asks for it. Raises BoardError."""
        for each in self:
            if each.settings.health:
                await each.check()
