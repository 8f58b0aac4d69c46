"""What the agent must not forget: epoch, session and end, over crashes and reboots."""

import json
import logging
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import ConfigError

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


OPEN = frozenset({Phase.PREPARED, Phase.GRANTED})
"""Phases in which a session can be logged in to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """Record where the board stands; only valid in the boot ``boot_id``.

    ``key`` opens the session; ``wanted_key`` replaces it and is not yet known to be installed.
    ``end`` is in seconds of CLOCK_BOOTTIME. ``tell_ended`` and ``trouble`` are reports that the
    server has not confirmed. ``notice`` is the maintenance message shown. ``found`` is what the
    last clean-up ended and removed, told to the server with the proof.
    """

    boot_id: str
    epoch: int = 0
    phase: Phase = Phase.CLEANING
    farm_id: str | None = None
    key: str | None = field(default=None, repr=False)
    wanted_key: str | None = field(default=None, repr=False)
    username: str = ""
    host_key: str | None = None
    end: float | None = None
    sequence: int = 0
    tell_ended: bool = False
    trouble: str | None = None
    notice: str | None = None
    found: tuple[str, ...] = ()


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
            fields = json.loads(content)
            written_as = fields.pop("format")
            if isinstance(written_as, int) and written_as > FORMAT:
                raise ConfigError(f"{self._path}: was written by a newer agent; update this one")
            return _state(fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
            logger.error("%s was damaged (%s) and is now %s", self._path, error, aside.name)
            return None

    def save(self, state: AgentState) -> None:
        """Store the state durably."""
        write_durably(self._path, json.dumps({"format": FORMAT, **asdict(state)}).encode())


def _state(fields: dict[str, object]) -> AgentState:
    """Raises ValueError, KeyError or TypeError for anything that was not written by ``save``."""
    kinds: dict[str, tuple[type, ...]] = {
        "boot_id": (str,),
        "epoch": (int,),
        "phase": (str,),
        "farm_id": (str, type(None)),
        "key": (str, type(None)),
        "wanted_key": (str, type(None)),
        "username": (str,),
        "host_key": (str, type(None)),
        "end": (float, int, type(None)),
        "sequence": (int,),
        "tell_ended": (bool,),
        "trouble": (str, type(None)),
        "notice": (str, type(None)),
        "found": (list,),
    }
    for name, kind in kinds.items():
        if not isinstance(fields[name], kind):
            raise TypeError(f"{name} is {fields[name]!r}")
    phase, found = Phase(str(fields.pop("phase"))), fields.pop("found")
    assert isinstance(found, list)
    fields["found"] = tuple(str(line) for line in found)
    state = AgentState(phase=phase, **fields)  # type: ignore[arg-type]  # checked above, one by one
    if (state.phase in OPEN and state.key is None) or (
        state.phase is Phase.GRANTED and state.end is None
    ):
        raise ValueError(f"{state.phase} without key or end")
    return state
