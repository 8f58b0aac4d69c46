"""Run a lab's own executables around a driver: relays, PDUs, SD-muxes, labgrid, imaging."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.commands import lines_of, run_command
from boruta_farm.dryad.files import replaceable
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Named, Seconds, Text
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError

logger = logging.getLogger(__name__)

USUAL_TIMEOUT: Final = 60.0
LONGEST_TIMEOUT: Final = 280.0
"""Seconds: the fence gives the board 300 for a whole clean-up."""


class Hook(StrEnum):
    """When a hook runs: always after the driver has done its own part."""

    PREPARE = "prepare"
    CLEAN = "clean"
    MAINTENANCE = "maintenance"
    HEALTHCHECK = "healthcheck"


class Executable(Location):
    """An executable's full path, which nobody else may replace."""

    def __init__(self) -> None:
        super().__init__(full=True)

    def read(self, raw: object) -> Path:
        """Return the path."""
        path = super().read(raw)
        if trouble := distrust(path):
            raise SettingError(trouble)
        return path


def _hook(hook: Hook, words: str) -> Any:
    return setting(Maybe(Executable()), words, default=None, example=f"/etc/boruta/hooks/{hook}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """Say which executables run when, for how many seconds at most, with which environment.

    The paths bear the names of ``Hook``.
    """

    prepare: Path | None = _hook(Hook.PREPARE, "Run after a board was prepared.")
    clean: Path | None = _hook(Hook.CLEAN, "Run after a clean-up; it must succeed.")
    maintenance: Path | None = _hook(
        Hook.MAINTENANCE, "Run after a board was taken out of lending."
    )
    healthcheck: Path | None = _hook(
        Hook.HEALTHCHECK, "Run after a check of an idle board's health."
    )
    timeout: float = setting(
        Seconds(1, LONGEST_TIMEOUT), "Seconds that each hook may take.", default=USUAL_TIMEOUT
    )
    environment: Mapping[str, str] = setting(Named(Text()), "Variables for all hooks.", make=dict)

    def check(self) -> None:
        """Refuse what cannot be a variable. Raises SettingError."""
        for name in self.environment:
            if not name.isidentifier():
                wrong = SettingError("must be a variable's name with a text")
                raise wrong.below(name).below("environment")


def distrust(path: Path) -> str:
    """Return why an executable must not be run, empty when nothing speaks against it.

    Whoever may replace it has the agent's rights: file and folders above it must belong to root
    or to the agent's user, and nobody else may write to them.
    """
    try:
        real = path.resolve(strict=True)
        if trouble := replaceable(real, frozenset({0, os.geteuid()})):
            return trouble
    except OSError as error:
        return f"{path}: {error.strerror}; name an executable, or remove the key"
    if not real.is_file() or not os.access(real, os.X_OK):
        return f"{path} cannot be executed; make it executable: chmod +x {path}"
    return ""


class Hooks:
    """Run the hooks of one board; a hook that is not configured is no trouble."""

    def __init__(self, settings: HookSettings, board: Mapping[str, str]) -> None:
        self._settings = settings
        self._board = board

    def path(self, hook: Hook) -> Path | None:
        """Return the executable, None when none is configured."""
        path: Path | None = getattr(self._settings, hook)
        return path

    async def run(self, hook: Hook, **words: str) -> None:
        """Run a hook to its end. Raises BoardError when it fails or is late.

        Its environment is the configured one and ``BORUTA_HOOK``, the board's own names and one
        ``BORUTA_`` variable for each of ``words``. It runs in a session of its own and is ended
        with all its children in that session when it is late.
        """
        path = self.path(hook)
        if path is None:
            return
        # Checked again: a long time may lie between the agent's start and now.
        if trouble := distrust(path):
            raise BoardError(f"hook {hook}: {trouble}")
        given = {**self._board, **words, "hook": hook}
        try:
            outcome = await run_command((path,), self._environment(given), self._settings.timeout)
        except TimeoutError:
            raise BoardError(
                f"hook {hook}: {path} was not done within {self._settings.timeout:g} s and was "
                "ended; mend it, or raise hooks.timeout"
            ) from None
        except (OSError, ValueError) as error:
            raise BoardError(f"hook {hook}: {path} cannot be started: {error}") from error
        for line in lines_of(outcome.output):
            logger.info("hook %s: %s", hook, line)
        if outcome.status:
            last = f": {outcome.last_line}" if outcome.last_line else ""
            raise BoardError(f"hook {hook}: {path} {outcome.ending}{last}")

    def _environment(self, words: Mapping[str, str]) -> dict[str, str]:
        return {
            **self._settings.environment,
            **{f"BORUTA_{name.upper()}": word for name, word in words.items()},
        }
