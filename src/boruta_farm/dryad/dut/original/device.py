"""The device from within: commands run on it by ssh, through the tool that leads to its port.

Its key is asked of nobody: after each flashing it has another one. A device without such a port is
commanded at its console.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from boruta_farm.dryad.dut.call import DutError, ask
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.original.serial import SerialShell

PORT: Final = "ssh"
USUAL_USER: Final = "root"
SSH_FAILED: Final = 255
FOLDER: Final = ".dut"
PASSWORD: Final = "password"
ASKS: Final = "askpass"
LOGIN: Final = "login.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Say who commands are run as; with a password it lies in the session's home until its end."""

    user: str
    password: str = ""
    asks: Path | None = None

    @classmethod
    def known(cls) -> "Login":
        """Return what ``dut_login.sh`` has remembered, else the user of the board's table."""
        folder = Path.home() / FOLDER
        try:
            found = json.loads((folder / LOGIN).read_bytes())
            password = (folder / PASSWORD).read_text().rstrip("\n")
        except FileNotFoundError:
            return cls(user=port_user() or USUAL_USER)
        except (OSError, ValueError) as error:
            raise DutError(Status.FAILED, f"{folder / LOGIN}: {error}; log in anew") from None
        asks = folder / ASKS
        known = bool(found["password"])
        return cls(user=str(found["user"]), password=password, asks=asks if known else None)

    @classmethod
    def remember(cls, user: str, password: str) -> "Login":
        """Keep it for the commands to come, readable by this user alone."""
        folder = Path.home() / FOLDER
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            _write(folder / PASSWORD, f"{password}\n", 0o600)
            _write(folder / ASKS, f"#!/bin/sh\nexec cat {shlex.quote(str(folder / PASSWORD))}\n")
            _write(folder / LOGIN, json.dumps({"user": user, "password": bool(password)}), 0o600)
        except OSError as error:
            raise DutError(Status.FAILED, f"{folder} cannot be written: {error.strerror}") from None
        return cls(user=user, password=password, asks=folder / ASKS if password else None)


def port_user() -> str:
    """Return whom the board's table names for the device's ssh, empty where it names nobody."""
    tools = ask("list")["tools"]
    if not any(map(has_port, tools)):
        return ""
    return str(ask("net.ports")["ports"].get(PORT, "")).rpartition("@")[0]


def has_port(tool: Mapping[str, object]) -> bool:
    """Tell whether a tool leads to the device's SSH server."""
    return tool["kind"] == "net" and PORT in str(tool["state"]).split(", ")


def _console() -> str | None:
    """Return the console by which the device is commanded, None where it is reached by ssh.

    Raises DutError where there is neither.
    """
    tools = ask("list")["tools"]
    if any(map(has_port, tools)):
        return None
    for tool in tools:
        if tool["kind"] == "console":
            return str(tool["name"])
    raise DutError(
        Status.FAILED, f"this device has neither a port named {PORT} nor a console; see: dut"
    )


def run_there(
    script: str,
    login: Login | None = None,
    *,
    source: "IO[bytes] | None" = None,
    output: "IO[bytes] | None" = None,
) -> int:
    """Run a shell script on the device and return its status, 0 to 254.

    Without ``source`` it gets no input; without ``output`` its output is ours. Raises DutError when
    it could not be run.
    """
    login = login or Login.known()
    console = _console()
    if console is not None:
        shell = SerialShell(console)
        try:
            shell.log_in(login.user, login.password)
            return shell.perform(script, source, output)
        finally:
            shell.close()
    command = [
        *("ssh", "-o", f"ProxyCommand=dut net {PORT}", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
        *("-o", "NumberOfPasswordPrompts=1", "-o", "ConnectTimeout=30"),
        *("-o", "BatchMode=no" if login.asks else "BatchMode=yes"),
        f"{login.user}@dut",
        script,
    ]
    environment = dict(os.environ)
    if login.asks is not None:
        environment |= {"SSH_ASKPASS": str(login.asks), "SSH_ASKPASS_REQUIRE": "force"}
        environment.setdefault("DISPLAY", ":0")
    try:
        done = subprocess.run(
            command,
            stdin=source or subprocess.DEVNULL,
            stdout=output,
            env=environment,
            check=False,
        )
    except OSError as error:
        words = f"ssh cannot be started: {error.strerror}; install it beside the device"
        raise DutError(Status.FAILED, words) from None
    if done.returncode == SSH_FAILED or done.returncode < 0:
        raise DutError(Status.FAILED, f"nothing could be run on the device as {login.user}")
    return done.returncode


def quoted(words: Sequence[str]) -> str:
    """Return words as a shell reads them."""
    return shlex.join(words)


def _write(path: Path, text: str, mode: int = 0o700) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
