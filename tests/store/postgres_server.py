"""The distribution's PostgreSQL, run for the tests by an unprivileged user on a unix socket."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

READY = "database system is ready to accept connections"
PATIENCE = 60.0
MEMORY = Path("/dev/shm")
ROOM = 1 << 30


class NoServerError(Exception):
    """Tell why no server can be had here."""


class PostgresServer:
    """Make databases on a running server."""

    def __init__(self, folder: Path, user: str) -> None:
        self._address = f"postgresql://{user}@/{{}}?host={folder}"
        self._numbers = count(1)

    def database(self, options: str = "") -> str:
        """Return the address of a new, empty database, made with more options of SQL."""
        name = f"farm_{next(self._numbers)}"
        with psycopg.connect(self._address.format("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {options}".encode())
        return self._address.format(name)

    def drop(self, address: str) -> None:
        """Remove a database, with whatever is still connected to it."""
        name = urlsplit(address).path.removeprefix("/")
        with psycopg.connect(self._address.format("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def programs() -> Path:
    """Return the folder of the server's programs."""
    found = shutil.which("postgres")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not folders:
        raise NoServerError("no PostgreSQL server is installed")
    return folders[-1].parent


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Run a server, and leave nothing behind. Raises NoServerError."""
    binaries = programs()
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="boruta-pg-", dir=fast_folder()))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        initialise(binaries, folder, user)
        with serving(binaries, folder, user):
            yield PostgresServer(folder, user)
    finally:
        shutil.rmtree(folder)


def fast_folder() -> Path | None:
    """Return a folder in memory where there is room for a few databases, else None."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return None


def initialise(binaries: Path, folder: Path, user: str) -> None:
    made = subprocess.run(
        [
            binaries / "initdb",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-U",
            user,
            "--no-sync",
            "-D",
            folder / "data",
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        user=user if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        check=False,
    )
    if made.returncode != 0:
        raise NoServerError(f"initdb failed: {made.stderr.strip()}")


@contextmanager
def serving(binaries: Path, folder: Path, user: str) -> Iterator[None]:
    options = ("listen_addresses=", "fsync=off", "log_min_messages=log")
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-k", folder]
    for option in options:
        command += ["-c", option]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        user=user if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
    )
    ready = threading.Event()
    said: list[str] = []
    listener = threading.Thread(target=listen, args=(process, ready, said))
    listener.start()
    try:
        if not ready.wait(PATIENCE) or process.poll() is not None:
            raise NoServerError(f"the server did not start: {' '.join(said)}")
        yield
    finally:
        # SIGQUIT asks for an immediate shutdown: nothing here is to be kept.
        process.send_signal(signal.SIGQUIT)
        process.wait(PATIENCE)
        listener.join()


def listen(process: "subprocess.Popen[str]", ready: threading.Event, said: list[str]) -> None:
    """Read the server's log to its end, so that it never blocks, and note when it is ready."""
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if READY in line:
                ready.set()
            elif not ready.is_set():
                said.append(line.strip())
    ready.set()
