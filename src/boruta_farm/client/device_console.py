"""The device's console from Python, as ``dut console`` on the board does it."""

from dataclasses import dataclass

from boruta_farm.client.device import ask, ask_json, device_line, read_all
from boruta_farm.client.remote import Remote
from boruta_farm.model.errors import ProtocolError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleMatch:
    """Carry what matched, and its groups; None for those that took no part."""

    text: str
    groups: tuple[str | None, ...]


class DeviceConsole:
    """The device's console; ``name`` says which, where the board has several.

    ``expect`` goes on where the last one ended, first at the job's start, so nothing is missed
    between two calls.
    """

    def __init__(self, remote: Remote, name: str = "") -> None:
        self._remote = remote
        self._name = name
        self._position = "start"

    def named(self, name: str) -> "DeviceConsole":
        """Return another console, seen from the job's start."""
        return DeviceConsole(self._remote, name)

    async def send(self, text: str, *, take: bool = False) -> None:
        r"""Send a text (a key is ``\r``); from then on ``expect`` sees what comes in answer.

        ``take`` takes the console over from who writes to it. Raises DeviceError.
        """
        words = ("--take",) if take else ()
        written = text.replace("\\", "\\\\").replace("\0", "\\x00")
        told = await ask_json(self._remote, "console", self._name, *words, f"--send={written}")
        self._position = str(told.get("position", self._position))

    async def expect(self, pattern: str, timeout: float = 60.0) -> ConsoleMatch:
        """Wait until a regular expression matches what comes. Raises DeviceError in time."""
        told = await ask_json(
            self._remote,
            *("console", self._name, f"--expect={pattern}", f"--timeout={timeout:.3f}s"),
            f"--since={self._position}",
        )
        groups, position = told.get("groups"), told.get("position")
        if not isinstance(groups, list) or not isinstance(position, int):
            raise ProtocolError("the board's dut does not tell what matched; update its agent")
        self._position = str(position)
        return ConsoleMatch(text=str(told.get("text")), groups=tuple(groups))

    async def log(self, *, times: bool = False) -> bytes:
        """Return what came since the job's start; with its time before each line, if asked for.

        Raises DeviceError.
        """
        words = ("console", *((self._name,) if self._name else ()), "--log")
        return await read_all(self._remote, device_line(*words, *(("--times",) if times else ())))

    async def send_break(self) -> None:
        """Send a break. Raises DeviceError."""
        await ask(self._remote, "console", self._name, "--break")
