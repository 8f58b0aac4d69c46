"""Programs that tools call: how their settings are read, and what is said where they fail."""

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from boruta_farm.dryad.commands import KEPT, PATH, Outcome, Taker, run_command
from boruta_farm.dryad.hooks import distrust
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.kinds import SettingKind, Text
from boruta_farm.settings.table import SettingError, shown

Words = tuple[str, ...]

PROGRAMS = PATH
"""Where programs are looked for that are written without their folder."""


class Command(SettingKind[Words]):
    """A program and its arguments, as a list or in one text; no shell reads them.

    The program is a full path, or found where the system's programs are; nobody but root and the
    agent's user may be able to replace it.
    """

    def read(self, raw: object) -> Words:
        """Return the words, the program as a full path."""
        try:
            words = shlex.split(raw) if isinstance(raw, str) else raw
        except ValueError as error:
            raise SettingError(f"{shown(raw)} cannot be read: {error}; mend its quotes") from None
        if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
            raise SettingError(
                f'{shown(raw)} must be a command, such as ["/usr/local/bin/relay", "on"]'
            )
        if any("\0" in word for word in words):
            raise SettingError("a command holds no NUL")
        return (find_program(words[0]), *words[1:])

    def show(self, value: Words) -> object:
        """Return the list."""
        return list(value)


class Program(SettingKind[str]):
    """One program, by full path or by the name that it has among the system's."""

    def read(self, raw: object) -> str:
        """Return the full path."""
        return find_program(Text().read(raw))


def chosen(path: str | None, name: str) -> str:
    """Return a program that is configured, else the system's of that name. Raises SettingError."""
    try:
        return path or find_program(name)
    except SettingError as wrong:
        raise wrong.below("program") from None


def find_program(name: str) -> str:
    """Return a program's full path, which nobody else can replace. Raises SettingError."""
    path = name if "/" in name else shutil.which(name, path=PROGRAMS)
    if path is None or not Path(path).is_absolute():
        raise SettingError(
            f"{shown(name)} is no program of this machine; install it, or write its full path"
        )
    if trouble := distrust(Path(path)):
        raise SettingError(trouble)
    return path


def tied(words: Words) -> Words:
    """Return a command that ends when the agent dies: nobody else would end it with the job."""
    setpriv = shutil.which("setpriv", path=PATH)
    return words if setpriv is None else (setpriv, "--pdeathsig", "KILL", "--", *words)


async def call(
    words: Words,
    limit: float,
    environment: Mapping[str, str] | None = None,
    *,
    kept: int = KEPT,
    take: Taker | None = None,
    source: int = subprocess.DEVNULL,
    sink: int | None = None,
) -> Outcome:
    """Run a tool's program to its end, whatever its status. Raises BoardError where it cannot.

    ``source`` and ``sink`` are those of ``run_command``.
    """
    # Checked again: a long time may lie between the agent's start and now.
    if trouble := distrust(Path(words[0])):
        raise BoardError(trouble)
    try:
        return await run_command(
            tied(words),
            environment or {},
            limit,
            kept=kept,
            take=take,
            apart=take is None,
            source=source,
            sink=sink,
        )
    except TimeoutError:
        raise BoardError(
            f"{words[0]} was not done within {limit:g} s and was ended; see that it works by hand"
        ) from None
    except (OSError, ValueError) as error:
        raise BoardError(f"{words[0]} cannot be started: {error}") from error


async def succeed(
    words: Words,
    limit: float,
    environment: Mapping[str, str] | None = None,
    *,
    kept: int = KEPT,
) -> Outcome:
    """Run a tool's program, which must succeed. Raises BoardError with its last words."""
    outcome = await call(words, limit, environment, kept=kept)
    if outcome.status:
        last = f": {outcome.last_line}" if outcome.last_line else ""
        raise BoardError(f"{words[0]} {outcome.ending}{last}")
    return outcome
