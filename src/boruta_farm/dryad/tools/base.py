"""What a driver of tools is: found by entry points, opened with its table of the configuration."""

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.settings.declaration import Dataclass, setting
from boruta_farm.settings.kinds import Blank, OneLine, Switch, Text

TOOLS: Final = "boruta_farm.tools"
"""The group of entry points of tools' drivers."""

LONGEST_ABOUT: Final = 80

Settings = TypeVar("Settings", bound=Dataclass)


class Tool(ABC):
    """One tool of a board: it has besides the methods of its kind's Protocol in ``kinds/``.

    Every failure is a BoardError that says what, where and what to do. Any call may be called off
    (cancelled), and must then leave nothing running.
    """

    kind: Kind

    async def start(self) -> None:
        """Open what the tool needs for as long as the agent runs; nothing is switched.

        What cannot be opened now must not raise: a call that needs it tells.
        """
        return

    async def close(self) -> None:
        """Release everything; the device under test is left as it is."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Say for which board and tool a driver is opened.

    ``folder`` is for the tool's own files; who needs it makes it. ``stm_socket`` is where the
    controller of a MuxPi answers, ``helper`` where the root helper does.
    """

    uuid: str
    board: str
    tool: str
    folder: Path
    stm_socket: Path
    helper: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDriver(Generic[Settings]):
    """What a package registers as ``boruta_farm.tools``: settings, kinds, how a tool is opened.

    ``settings`` is a dataclass whose fields are made by ``settings.declaration.setting``; they are
    keys of the table ``[tools.NAME]``, beside those of ``ToolSettings`` and of the kind. ``kinds``
    are those that it can make; the tool says which it is. ``open`` only makes the tool; it may
    raise SettingError for settings that contradict each other.
    """

    settings: type[Settings]
    kinds: tuple[Kind, ...]
    open: Callable[[Settings, Bench], Tool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    """The settings that every table ``[tools.NAME]`` has."""

    driver: str = setting(Text(), "What operates the tool: the name of an installed driver.")
    about: str = setting(
        Blank(OneLine(LONGEST_ABOUT)), "What the tool is, in a few words for people.", default=""
    )
    health: bool = setting(
        Switch(),
        "Whether the tool's state must be readable for the board to count as healthy.",
        default=False,
    )
