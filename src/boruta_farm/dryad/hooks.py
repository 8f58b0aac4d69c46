"""Run a lab's own executables around a driver: relays, PDUs, SD-muxes, labgrid, imaging."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.files import replaceable
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Named, Seconds, Text
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError

logger = logging.getLogger(__name__)

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT: Final = 64 * 1024
"""Bytes of a hook's output that are looked at; a hook may write more, nobody reads it."""

LINE: Final = 200
USUAL_TIMEOUT: Final = 60.0
LONGEST_TIMEOUT: Final = 280.0
"""Seconds: the fence gives the board 300 for a whole clean-up."""

AFTER_EXIT: Final = 0.5
"""Seconds in which a hook that has ended may still deliver output; its children may hold it."""


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
        status, output = await self._call(hook, path, self._environment(given))
        lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
        for line in lines:
            logger.info("hook %s: %s", hook, _printable(line))
        if status:
            last = f": {_printable(lines[-1])}" if lines else ""
            raise BoardError(f"hook {hook}: {path} {_ending(status)}{last}")

    async def _call(self, hook: Hook, path: Path, environment: dict[str, str]) -> tuple[int, bytes]:
        read, write = os.pipe()
        loop = asyncio.get_running_loop()
        transport, output = await loop.connect_read_pipe(_Output, os.fdopen(read, "rb", 0))
        try:
            process = await _start(hook, path, environment, write)
        except BoardError:
            transport.close()
            raise
        finally:
            os.close(write)
        try:
            async with asyncio.timeout(self._settings.timeout):
                status = await process.wait()
            await _soon(output.ended)
        except TimeoutError:
            raise BoardError(
                f"hook {hook}: {path} was not done within {self._settings.timeout:g} s and was "
                "ended; mend it, or raise hooks.timeout"
            ) from None
        finally:
            transport.close()
            await _end(process)
        return status, bytes(output.kept)

    def _environment(self, words: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            **self._settings.environment,
            **{f"BORUTA_{name.upper()}": word for name, word in words.items()},
        }


async def _start(
    hook: Hook, path: Path, environment: dict[str, str], output: int
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=environment,
        )
    except (OSError, ValueError) as error:
        raise BoardError(f"hook {hook}: {path} cannot be started: {error}") from error


class _Output(asyncio.Protocol):
    """Keep the first of what a hook writes.

    The pipe is our own, since it must be closed while daemons that the hook left still hold it.
    """

    def __init__(self) -> None:
        self.kept = bytearray()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.kept += data[: KEPT - len(self.kept)]

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set()


async def _soon(event: asyncio.Event) -> None:
    """Wait a moment for the end of the output."""
    try:
        async with asyncio.timeout(AFTER_EXIT):
            await event.wait()
    except TimeoutError:
        return


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the hook's session unless the hook ended by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line[:LINE])
