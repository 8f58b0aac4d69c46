"""What the agent must not forget: epoch, session and end, over crashes and reboots."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.files import parse_json
from boruta_farm.settings.kinds import Maybe, Number, OneOf, Several, Switch, Text, Whole
from boruta_farm.settings.records import read_record, write_record
from boruta_farm.settings.table import SettingError

logger = logging.getLogger(__name__)

FORMAT = 1


class Phase(StrEnum):
    """How far the board has come in its epoch; each is stored before the board is touched."""

    CLEANING = "CLEANING"
    CLEAN = "CLEAN"
    PREPARING = "PREPARING"
    PREPARED = "PREPARED"
    GRANTED = "GRANTED"
    ENDING = "ENDING"
    ENDED = "ENDED"


WORDS = Maybe(Text())
COUNT = Whole(0, 2**63 - 1)
FOR_EVER = 1e12
"""Seconds of a clock that begins at boot."""

OPEN = frozenset({Phase.PREPARED, Phase.GRANTED})
"""Phases in which a session can be logged in to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """Record where the board stands; only valid in the boot ``boot_id``.

    ``key`` opens the session; ``wanted_key`` replaces it and is not yet known to be installed.
    ``keys`` open it as well; what those ``staying`` have opened goes on, what those ``leaving``
    have is to be ended. Of the sets by ``keys_sequence`` the board has taken that of ``keys_done``.
    ``end`` is in seconds of CLOCK_BOOTTIME. ``tell_ended`` and ``trouble`` are reports that the
    server has not confirmed. ``notice`` is the maintenance message shown. ``found`` is what the
    last clean-up ended and removed, told to the server with the proof.
    """

    boot_id: str = setting(Text())
    epoch: int = setting(COUNT, default=0)
    phase: Phase = setting(OneOf(Phase), default=Phase.CLEANING)
    farm_id: str | None = setting(WORDS, default=None)
    key: str | None = setting(WORDS, default=None, hidden=True)
    wanted_key: str | None = setting(WORDS, default=None, hidden=True)
    username: str = setting(Text(), default="")
    host_key: str | None = setting(WORDS, default=None)
    keys: tuple[str, ...] = setting(Several(Text()), default=(), hidden=True)
    staying: tuple[str, ...] = setting(Several(Text()), default=(), hidden=True)
    leaving: tuple[str, ...] = setting(Several(Text()), default=(), hidden=True)
    keys_sequence: int = setting(COUNT, default=0)
    keys_done: int = setting(COUNT, default=0)
    end: float | None = setting(Maybe(Number(0, FOR_EVER)), default=None)
    sequence: int = setting(COUNT, default=0)
    tell_ended: bool = setting(Switch(), default=False)
    trouble: str | None = setting(WORDS, default=None)
    notice: str | None = setting(WORDS, default=None)
    found: tuple[str, ...] = setting(Several(Text()), default=())

    def check(self) -> None:
        """Refuse what ``save`` never wrote. Raises SettingError."""
        if (self.phase in OPEN and self.key is None) or (
            self.phase is Phase.GRANTED and self.end is None
        ):
            raise SettingError(f"{self.phase} without key or end", "phase")


STATE = Struct(AgentState)

LATER: Final[Mapping[str, object]] = {
    "keys": [],
    "staying": [],
    "leaving": [],
    "keys_sequence": 0,
    "keys_done": 0,
}
"""What agents did not write before sessions were shared: an upgrade must end no session."""


class StateStore(Protocol):
    """Where the state lies."""

    def load(self) -> AgentState | None:
        """Return the state stored last, None when there is none."""
        ...

    def save(self, state: AgentState) -> None:
        """Store the state; it survives power loss when this returns. Raises StoreError."""
        ...


class StateFile:
    """Keep the state in one small JSON file.

    Writing blocks the event loop for one fsync: the agent must not go on before it anyway.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> AgentState | None:
        """Return the state.

        A damaged file is set aside and counts as none: the board is then cleaned first, and the
        server, which sees that the epoch is unknown, prepares it anew. Raises ConfigError when
        the file cannot be read at all or was written by a newer agent.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read: {error.strerror}") from error
        try:
            fields = dict(parse_json(content))
            written_as = Whole(1).read(fields.pop("format", None))
            if written_as > FORMAT:
                raise ConfigError(f"{self._path}: was written by a newer agent; update this one")
            return read_record(STATE, {**LATER, **fields})
        except SettingError as error:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
            logger.error("%s was damaged (%s) and is now %s", self._path, error, aside.name)
            return None

    def save(self, state: AgentState) -> None:
        """Store the state durably."""
        write_durably(self._path, write_record(state, format=FORMAT))
