"""A machine within this machine: namespaces of its own, in which system users can be made.

``python -m boruta_farm.testing.room [--bind DIR ...] [--ready FD] COMMAND ...`` runs a command, as
root, with mounts, processes, IPC, network and host name of its own. ``/etc``, ``/var``, ``/home``
and ``/tmp`` may be written to; all of it is forgotten at the end, with every process. The machine's
own files, users and ports are neither changed nor reached.

A user namespace of its own is not among them: in one, the kernel lets nobody set a file immutable.
"""

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
OWN: Final = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
PR_SET_PDEATHSIG: Final = 1
NAME: Final = "boruta-room"
OVERLAID: Final = ("/etc", "/var", "/home", "/tmp")
EMPTY: Final = {"/run": 0o755, "/dev/shm": 0o1777, "/var/tmp": 0o1777, "/var/mail": 0o2775}
WORKSHOP: Final = "/mnt"
"""Where the changed files of the overlays lie, in memory; an empty folder on every system."""

TERMINALS: Final = "newinstance,ptmxmode=0666,mode=0620,gid=5"
FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP)
CANNOT: Final = 125


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command in a room and end with its status."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    if os.geteuid() != 0:
        _fail("a room can only be made by root")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(OWN) != 0:
        _fail(f"the kernel makes no namespaces here: {os.strerror(ctypes.get_errno())}")
    inside = os.fork()
    if inside == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _furnish(_kept(options.bind))
        _live(options.command, options.ready)
    sys.exit(_attend(inside))


def _live(command: list[str], ready: int | None) -> None:
    """Be the room's first process: run the command, reap orphans, end with the command."""
    child = os.fork()
    if child == 0:
        os.execvp(command[0], command)
    if ready is not None:
        os.write(ready, b"ready\n")
        os.close(ready)
    os._exit(_attend(child))


def _attend(child: int) -> int:
    """Wait for the child, passing signals on to it; return its exit status."""

    def forward(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    # Ctrl-C reaches the whole group by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _kept(bind: Sequence[str]) -> dict[str, int]:
    """Open what must be seen in the room as it is outside: asked for, and our own code."""
    code = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), str(Path.cwd()))
    return {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in (*code, *bind)}


def _furnish(kept: dict[str, int]) -> None:
    """Give the room its own mounts, its loopback and its name."""
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "-o", "mode=0700", "boruta-room", WORKSHOP)
    for path in OVERLAID:
        upper, work = (f"{WORKSHOP}{path}.{part}" for part in ("upper", "work"))
        for folder in (upper, work):
            Path(folder).mkdir(parents=True)
        original = Path(path).stat()
        Path(upper).chmod(original.st_mode & 0o7777)
        layers = f"lowerdir={path},upperdir={upper},workdir={work}"
        _run("mount", "-t", "overlay", "-o", layers, "overlay", path)
    for path, mode in EMPTY.items():
        if Path(path).is_dir():
            _run("mount", "-t", "tmpfs", "-o", f"mode={mode:o}", "tmpfs", path)
    _run("mount", "-t", "proc", "proc", "/proc")
    _run(
        "mount",
        "-t",
        "devpts",
        "-o",
        TERMINALS,
        "pts",
        "/dev/pts",
    )
    Path("/dev/mqueue").mkdir(exist_ok=True)
    _run("mount", "-t", "mqueue", "mqueue", "/dev/mqueue")
    for path, handle in kept.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        # Not by its name, which leads to the overlay now.
        source = f"/proc/self/fd/{handle}"
        _run("mount", "--no-canonicalize", "--bind", source, path, keep=handle)
        os.close(handle)
    Path("/run/sshd").mkdir(mode=0o755)
    Path("/run/lock").mkdir(mode=0o1777)
    Path("/run/lock").chmod(0o1777)
    _run("ip", "link", "set", "lo", "up")
    socket.sethostname(NAME)


def _run(*command: str, keep: int | None = None) -> None:
    handles = () if keep is None else (keep,)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=handles
        )
    except OSError as error:
        _fail(f"{command[0]} cannot be run: {error.strerror}")
    if done.returncode:
        _fail(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")


def _fail(words: str) -> None:
    sys.stderr.write(f"room: {words}\n")
    sys.stderr.flush()
    os._exit(CANNOT)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="room", description=__doc__)
    parser.add_argument("--bind", action="append", default=[], metavar="DIR")
    parser.add_argument("--ready", type=int, metavar="FD")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("a command is needed")
    return options


if __name__ == "__main__":
    main()
