"""Run the command: in this process, or for real with an ssh of our own."""

import contextlib
import itertools
import os
import select
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from typer.testing import CliRunner

from tests.client.serving import Served

MAIN = "from boruta_farm.cli.main import main; main()"
WITH_TERMINAL = f"""
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{MAIN}
"""

SSH = """#!/bin/sh
# Notes how it was called, then ends as it is told.
printf '%s\\n' "$@" > "$STAGE/arguments"
while [ $# -gt 0 ]; do
    case $1 in
    IdentityFile=*) path=${1#*=\\"}; path=${path%\\"}
        cp -p "$path" "$STAGE/key"; dirname "$path" > "$STAGE/folder" ;;
    UserKnownHostsFile=*) path=${1#*=\\"}; cp -p "${path%\\"}" "$STAGE/known_hosts" ;;
    esac
    shift
done
[ -z "$INTERRUPTED" ] || trap 'echo interrupted > "$STAGE/interrupted"; exit 5' INT
echo started > "$STAGE/started"
[ ! -p "$STAGE/hold" ] || read -r STATUS < "$STAGE/hold"
exit "${STATUS:-0}"
"""


class Outcome:
    """What one run printed and returned."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Boruta:
    """Run verbs in this process."""

    def __init__(self, app: typer.Typer, runner: CliRunner) -> None:
        self.runner = runner
        self.app = app

    def __call__(self, *arguments: str, stdin: str | None = None, status: int = 0) -> Outcome:
        """Run the command and check its exit status."""
        result = self.runner.invoke(self.app, list(arguments), input=stdin)
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
        assert outcome.status == status, (outcome.out, outcome.err, result.exception)
        return outcome


class Stage:
    """A folder with a stand-in for ssh, and the command as a process of its own."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (folder / "runtime").mkdir()
        program = programs / "ssh"
        program.write_text(SSH)
        program.chmod(0o755)
        os.mkfifo(folder / "started")
        self._started = os.open(folder / "started", os.O_RDONLY | os.O_NONBLOCK)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "STAGE": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "BORUTA_SERVER": server,
            "TZ": "UTC",
            # The code that is tested here is the one that runs there.
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }

    def close(self) -> None:
        os.close(self._started)

    def hold(self) -> None:
        """Let ssh run until it is told its exit status."""
        os.mkfifo(self.folder / "hold")

    def let_go(self, status: int) -> None:
        """Tell ssh to exit."""
        (self.folder / "hold").write_text(f"{status}\n")

    def start(
        self, *arguments: str, terminal: int | None = None, stdin: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[str]":
        """Start the command; with ``terminal`` that is its terminal."""
        plain = terminal is None
        return subprocess.Popen(
            [sys.executable, "-c", MAIN if plain else WITH_TERMINAL, *arguments],
            env=self.environment,
            stdin=stdin if plain else terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if plain else terminal,
            text=True,
        )

    def run(self, *arguments: str) -> Outcome:
        """Run the command to its end."""
        with ended(self.start(*arguments)) as process:
            out, err = process.communicate(timeout=60)
            return Outcome(process.returncode, out, err)

    def wait_for_ssh(self) -> None:
        """Return once ssh runs."""
        ready, _, _ = select.select([self._started], [], [], 20)
        assert ready, "ssh was not started"
        os.read(self._started, 100)

    @property
    def arguments(self) -> list[str]:
        """Return what ssh was called with."""
        return (self.folder / "arguments").read_text().splitlines()

    def mode(self, name: str) -> str:
        return oct(stat.S_IMODE((self.folder / name).stat().st_mode))

    def assert_nothing_left(self) -> None:
        """Check that the private files are gone."""
        assert list((self.folder / "runtime").iterdir()) == []


@contextlib.contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Make sure that a process is gone at the end of the block."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finish(process: "subprocess.Popen[str]") -> Outcome:
    """Wait for a process to end by itself."""
    out, err = process.communicate(timeout=60)
    return Outcome(process.returncode, out or "", err or "")


def pairs(arguments: Sequence[str], option: str) -> list[str]:
    """Return the values given to an option."""
    return [v for o, v in itertools.pairwise(arguments) if o == option]


def sent(served: Served) -> dict[str, object]:
    """Return the body of the last request filed."""
    return served.bodies("reqs/")[-1]
