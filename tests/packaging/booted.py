"""A machine of its own for a test: this system below a fresh layer, booted by its own systemd."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

WITHIN: Final = 180


class Machine:
    """Run commands inside, as root."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def __call__(self, script: str, *, stdin: str = "", status: int = 0) -> str:
        """Run a shell script and return what it printed; its exit status must be as told."""
        done = subprocess.run(
            [
                *("nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "--"),
                *("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"),
                *("DEBIAN_FRONTEND=noninteractive", "sh", "-c", f"cd /root\n{script}"),
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == status, f"{script}\n{told}"
        return told

    def end(self) -> None:
        """Take its power away."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._leader, signal.SIGKILL)

    def logged(self, unit: str, *match: str) -> str:
        """Return the first line (or its part, with -o) of a unit's log that grep finds.

        Waits for it. What follows the log learns only from its next line that nobody reads on, so
        it is not waited for.
        """
        grep = shlex.join(("grep", "-m1", *match))
        follow = f"journalctl -u {unit} -o cat --no-tail -f 2>/dev/null"
        return self(f"bash -c {shlex.quote(f'{grep} < <({follow})')}").strip()


@contextlib.contextmanager
def booted(folder: Path, *files: Path) -> Iterator[Machine]:
    """Boot a machine that has these files in /root, until the block ends.

    Whatever it writes lies in memory and goes with it. Skips, saying why, where that is impossible.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    missing = [
        tool
        for tool in ("systemd-nspawn", "nsenter", "sshd", "pkill", "userdel")
        if shutil.which(tool) is None
    ]
    if missing or not Path("/lib/systemd/systemd").exists():
        pytest.skip(f"not installed: {', '.join(missing or ['systemd'])} (systemd-container)")
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_layered(folder))
        for file in files:
            shutil.copy(file, root / "root")
        # What somebody tried on this machine is not there on a new one.
        for place in ("etc/boruta", "var/lib/dryad", "var/lib/boruta", "var/lib/boruta-sessions"):
            shutil.rmtree(root / place, ignore_errors=True)
        # Whoever builds images keeps services from being started; a person's machine does not.
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        yield stack.enter_context(_started(root, folder / "console"))


@contextlib.contextmanager
def _layered(folder: Path) -> Iterator[Path]:
    layer, root = folder / "layer", folder / "root"
    layer.mkdir()
    root.mkdir()
    with _mounted(layer, "-t", "tmpfs", "tmpfs"):
        (layer / "upper").mkdir()
        (layer / "work").mkdir()
        options = f"lowerdir=/,upperdir={layer}/upper,workdir={layer}/work"
        with _mounted(root, "-t", "overlay", "-o", options, "overlay"):
            yield root


@contextlib.contextmanager
def _mounted(place: Path, *arguments: str) -> Iterator[None]:
    done = subprocess.run(
        ["mount", *arguments, str(place)], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip(f"this machine mounts no layers: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], timeout=60, check=True)


@contextlib.contextmanager
def _started(root: Path, console: Path) -> Iterator[Machine]:
    command = [
        *("systemd-nspawn", f"--directory={root}", "--boot", "--machine=boruta-guide"),
        *("--private-network", "--register=no", "--keep-unit", "--link-journal=no"),
        *("--settings=no", "--console=pipe"),
        # The keyrings are the machine's, with what sessions outside of it left there, and a machine
        # may be asked about its clock.
        "--system-call-filter=@keyring adjtimex clock_adjtime",
    ]
    with console.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        machine = Machine(_leader(process, console))
        try:
            machine(
                "until [ -S /run/dbus/system_bus_socket ]; do :; done\n"
                "systemctl is-system-running --wait || true\nip link set lo up"
            )
            yield machine
        finally:
            # All others die with its first process, which may outlive the one that started it.
            machine.end()
            process.kill()
            process.wait(timeout=WITHIN)


def _leader(process: "subprocess.Popen[bytes]", console: Path) -> int:
    """Return the process that is the machine's first."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        for child in children.read_text().split():
            if _name(int(child)) == "systemd":
                return int(child)
    pytest.skip(f"this machine boots no container: {console.read_text()[-500:]}")


def _name(process: int) -> str:
    """Return a process's name, empty for one that is gone."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
