"""What kinds of tools there are, and what the agent does with each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from boruta_farm.settings.declaration import Dataclass


class Kind(StrEnum):
    """What can be done with a tool."""

    POWER = "power"
    CONSOLE = "console"
    STORAGE = "storage"
    BUTTON = "button"
    VIDEO = "video"
    USB = "usb"
    NET = "net"
    DO = "do"


BRIEF: Final = 30.0
"""Seconds that an act may take unless it says otherwise."""


class ActCall(Protocol):
    """What one act is asked, and its way to answer; ``service`` makes one for each connection."""

    arguments: Mapping[str, object]

    def check(self) -> None:
        """Refuse to go on for a job that has ended; to be called between the steps of an act."""
        ...

    def take_descriptor(self) -> int:
        """Return the open file that the caller has sent, to be closed by who takes it."""
        ...

    async def send(self, data: bytes) -> None:
        """Send bytes to the caller, as fast as they are taken."""
        ...

    async def note(self, **words: object) -> None:
        """Tell how far the act has come."""
        ...

    async def receive(self) -> bytes:
        """Wait for the caller's next bytes; empty when no more will come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One verb of a kind: ``perform`` gets tool, settings of its kind, and call.

    What it returns is the answer. ``limit`` is in seconds; None is for acts that ``stream``, which
    last until the caller goes or the job ends. All others go on when their caller goes away, since
    power must not stay half cycled. Acts that are ``alone`` come one after the other at one tool.
    """

    verb: str
    perform: Callable[[Any, Any, ActCall], Awaitable[Mapping[str, object]]]
    limit: float | None = BRIEF
    alone: bool = True
    streams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTable:
    """The settings of a kind that has none of its own."""


def _nothing_more(_tool: Any, _settings: Any) -> Mapping[str, object]:
    return {}


async def _no_state(_tool: Any, _settings: Any) -> str:
    return ""


async def _nothing_to_reset(_tool: Any, _settings: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolKind:
    """All that the agent does with tools of one kind; the callables get tool and ``settings``.

    ``describe`` tells programs in sessions what they cannot know otherwise. ``look`` returns the
    tool's state in a word or two, empty where it has none. ``check`` raises BoardError where a tool
    whose table asks for ``health`` is not well; by default where it cannot be looked at. ``reset``
    leaves the tool as it has to be between jobs and tells whether that was proved; it raises
    BoardError where it failed, and may take ``reset_within`` seconds, else a few. All are called by
    the agent itself, ``reset`` when nobody's act is under way.
    """

    kind: Kind
    protocol: Any
    acts: tuple[Act, ...] = ()
    settings: type[Dataclass] = PlainTable
    describe: Callable[[Any, Any], Mapping[str, object]] = _nothing_more
    look: Callable[[Any, Any], Awaitable[str]] = _no_state
    check: Callable[[Any, Any], Awaitable[object]] | None = None
    reset: Callable[[Any, Any], Awaitable[bool]] = _nothing_to_reset
    reset_within: Callable[[Any], float] | None = None
