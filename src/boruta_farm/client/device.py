"""The device under test from afar: ``dut`` on the board, over the job's one SSH path."""

import asyncio
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

from boruta_farm.client.images import ImageStream, is_elsewhere
from boruta_farm.client.remote import Remote
from boruta_farm.model.errors import BorutaError, ConfigError

SSH_FAILED: Final = 255
MOST_TOLD: Final = 1 << 20
"""Bytes of an answer: a board that tells more is not to fill our memory."""
_ORIGINAL: Final = {
    ("power", "on"): "stm -dut",
    ("power", "off"): "stm -ts",
    ("power", "cycle"): "stm -tick",
}
"""What a MuxPi under the original's agent does in place of ``dut``."""

DUT_LIST: Final = "exec dut --json"
_NONE: Final = "boruta: this board has no dut: its agent is too old, or the original's"


class DeviceError(BorutaError):
    """the board's tools failed

    ``status`` is the exit status of ``dut``, or of ssh (255).
    """

    code = "device-failed"

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTool:
    """Tell of a tool of the board: its name, its kind (power, console...), how it is, what it is.

    ``state`` is what is the matter where that cannot be read.
    """

    name: str
    kind: str
    state: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReading:
    """Tell whether the device has power, None where it cannot be read, and what it draws."""

    on: bool | None
    watts: float | None = None


def device_line(*words: str) -> str:
    """Return the line for the board's shell that has ``dut`` do something.

    A board without ``dut`` does it by the original's ``stm`` where that can, else says so and ends
    with 2.
    """
    dut = f"exec {shlex.join(('dut', *words))}"
    plain = tuple(word for word in words if not word.startswith("--"))[:2]
    other = ""
    if stm := _ORIGINAL.get((plain[0], plain[1] if len(plain) > 1 else "")):
        other = f"elif command -v stm >/dev/null 2>&1; then exec {stm}; "
    none = f"echo {shlex.quote(_NONE)} >&2; exit 2"
    return f"if command -v dut >/dev/null 2>&1; then {dut}; {other}else {none}; fi"


class DevicePower:
    """The device's power; ``name`` says which, where the board has several tools for it."""

    def __init__(self, remote: Remote, name: str = "") -> None:
        self._remote = remote
        self._name = name

    def named(self, name: str) -> "DevicePower":
        """Return the power of another tool."""
        return DevicePower(self._remote, name)

    async def on(self) -> None:
        """Give it power. Raises DeviceError."""
        await ask(self._remote, "power", "on", self._name)

    async def off(self) -> None:
        """Take the power away. Raises DeviceError."""
        await ask(self._remote, "power", "off", self._name)

    async def cycle(self, pause: float | None = None) -> None:
        """Take the power away for so many seconds, then give it. Raises DeviceError."""
        await ask(self._remote, "power", "cycle", self._name, _seconds(pause))

    async def state(self) -> PowerReading:
        """Read it. Raises DeviceError."""
        told = await ask_json(self._remote, "power", "state", self._name)
        return PowerReading(on=told.get("on"), watts=told.get("watts"))


class DeviceScreen:
    """The device's screen; ``name`` as for ``DevicePower``."""

    def __init__(self, remote: Remote, name: str = "") -> None:
        self._remote = remote
        self._name = name

    def named(self, name: str) -> "DeviceScreen":
        """Return the screen of another tool."""
        return DeviceScreen(self._remote, name)

    async def snap(self, path: str | Path | None = None) -> bytes:
        """Return one picture, JPEG or PNG, also written to ``path``. Raises DeviceError."""
        line = device_line(*_given("screen", "snap", self._name, "-"))
        picture = await read_all(self._remote, line)
        if path is not None:
            await asyncio.to_thread(Path(path).write_bytes, picture)
        return picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Flashed:
    """Tell what was written: its bytes, how long that took, and whether it was read back."""

    bytes: int
    seconds: float
    verified: bool


async def flash(
    remote: Remote,
    image: str | Path,
    name: str,
    *,
    bmap: str | Path | None,
    sha256: str,
    verify: bool,
    keep: bool,
) -> Flashed:
    """Have an image written to a medium; see ``Lease.flash``."""
    words = ["--json", "flash", *(() if verify else ("--no-verify",))]
    words += ["--keep"] if keep else []
    if is_elsewhere(str(image)):
        if bmap is not None:
            raise ConfigError("a bmap goes with a file of ours, not with an address")
        words += ["--sha256", sha256] if sha256 else []
        done = await remote.run(device_line(*_given(*words, name, str(image))), None, None)
    else:
        with ImageStream(Path(image), None if bmap is None else Path(bmap), sha256) as stream:
            words += stream.words
            done = await remote.feed(device_line(*_given(*words, name, "-")), stream.source)
    _check(done.returncode, done.stderr)
    told = _read_json(done.stdout)
    return Flashed(
        bytes=int(told["bytes"]), seconds=float(told["seconds"]), verified=bool(told["verified"])
    )


async def list_tools(remote: Remote) -> tuple[DeviceTool, ...]:
    """Return the board's tools, none where it has no ``dut``. Raises DeviceError."""
    done = await remote.run(
        f"if command -v dut >/dev/null; then {DUT_LIST}; fi", None, None, MOST_TOLD
    )
    _check(done.returncode, done.stderr)
    if not done.stdout.strip():
        return ()
    tools = _read_json(done.stdout).get("tools")
    found = tools if isinstance(tools, list) else []
    return tuple(
        DeviceTool(
            name=str(tool.get("name", "")),
            kind=str(tool.get("kind", "")),
            state=str(tool.get("state") or tool.get("fault") or ""),
            about=str(tool.get("about", "")),
        )
        for tool in found
        if isinstance(tool, dict)
    )


async def press(remote: Remote, name: str, hold: float | None) -> None:
    """Press a button for so many seconds, else as long as its table says."""
    await ask(remote, "press", name, _seconds(hold))


async def perform(remote: Remote, name: str, words: tuple[str, ...]) -> CompletedProcess[str]:
    """Do what the board's admin has named, and return its status and what it said."""
    return await remote.run(device_line("do", name, *words), None, None)


async def read_all(remote: Remote, line: str) -> bytes:
    """Return what a line prints on the board, as bytes. Raises DeviceError."""
    done = await remote.read(line)
    _check(done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


async def ask(remote: Remote, *words: str) -> str:
    """Have ``dut`` do something, and return what it printed. Raises DeviceError."""
    done = await remote.run(device_line(*_given(*words)), None, None, MOST_TOLD)
    _check(done.returncode, done.stderr)
    return done.stdout


async def ask_json(remote: Remote, *words: str) -> dict[str, Any]:
    """Have ``dut`` do something, and return its answer. Raises DeviceError."""
    return _read_json(await ask(remote, "--json", *words))


def _read_json(told: str) -> dict[str, Any]:
    try:
        answer = json.loads(told)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise DeviceError(f"the board's dut answered {told[:100]!r}, which is no JSON object")
    return answer


def _given(*words: str) -> tuple[str, ...]:
    return tuple(filter(None, words))


def _seconds(span: float | None) -> str:
    return "" if span is None else f"{span:.3f}s"


def _check(status: int, complaint: str) -> None:
    if status:
        lines = complaint.strip().splitlines() or [f"dut ended with status {status}"]
        raise DeviceError(lines[-1].removeprefix("dut: "), status)
