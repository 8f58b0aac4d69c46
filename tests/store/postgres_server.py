"""The distribution's PostgreSQL, run for the tests by an unprivileged user on a unix socket."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

READY = "database system is ready to accept connections"
READY_TO_READ = "database system is ready to accept read-only connections"
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
        # Others of its programs lie where a link leads.
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not folders:
        raise NoServerError("no PostgreSQL server is installed")
    return folders[-1].parent


class Cluster:
    """Run one cluster's processes, which listen in its folder and where ``options`` say.

    ``within`` enters the namespaces in which it shall live, and needs root.
    """

    def __init__(
        self, folder: Path, user: str, options: Sequence[str] = (), within: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self._user = user
        # Elsewhere, what it shares would outlive one that is killed.
        shared = "dynamic_shared_memory_type=mmap"
        usual = ("listen_addresses=", "fsync=off", "log_min_messages=log", shared)
        self._options = (*usual, *options)
        self._within = tuple(within)
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    def initialise(self) -> None:
        """Make its data anew. Raises NoServerError."""
        command: list[str | Path] = [
            programs() / "initdb",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-U",
            self._user,
        ]
        made = subprocess.run(
            [*command, "--no-sync", "-D", self.folder / "data"],
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **as_user(self._user),
        )
        if made.returncode != 0:
            raise NoServerError(f"initdb failed: {made.stderr.strip()}")

    def start(self, ready: str = READY) -> None:
        """Start it, and return once it has said so. Raises NoServerError."""
        command: list[str | Path] = [programs() / "postgres", "-D", self.folder / "data"]
        command += ["-k", self.folder]
        for option in self._options:
            command += ["-c", option]
        identity = as_user(self._user)
        if self._within:
            command = [*self._within, "setpriv", "--reuid", self._user, "--clear-groups", *command]
            identity = {}
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=self.folder, **identity
        )
        told = threading.Event()
        said: list[str] = []
        self._listener = threading.Thread(target=listen, args=(self._process, ready, told, said))
        self._listener.start()
        if not told.wait(PATIENCE) or self._process.poll() is not None:
            raise NoServerError(f"the server did not start: {' '.join(said)}")

    @property
    def pid(self) -> int:
        """Return its first process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as the loss of its machine does: all its processes."""
        assert self._process is not None
        # Stopped first, it starts no more of them meanwhile.
        self._process.send_signal(signal.SIGSTOP)
        for pid in (*children_of(self._process.pid), self._process.pid):
            os.kill(pid, signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """End it at once, if it runs: nothing here is to be kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.wait(PATIENCE)
        if self._listener is not None:
            self._listener.join()


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started and that are there."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def unprivileged() -> str:
    """Return the user whose databases these are: root may run none."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def as_user(user: str) -> dict[str, Any]:
    """Return the options by which a process becomes that user."""
    return {"user": user, "extra_groups": []} if os.geteuid() == 0 else {}


def new_folder(user: str, where: Path | None = None) -> Path:
    """Make a folder for a cluster, in memory unless told where."""
    folder = Path(tempfile.mkdtemp(prefix="boruta-pg-", dir=where or fast_folder()))
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    return folder


@contextmanager
def running(where: Path | None = None, *, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server in memory, or on the disk at ``where``, and leave nothing behind.

    ``durable`` has each COMMIT wait for the disk. Raises NoServerError.
    """
    programs()
    user = unprivileged()
    folder = new_folder(user, where)
    cluster = Cluster(folder, user, ("fsync=on",) if durable else ())
    try:
        cluster.initialise()
        cluster.start()
        yield PostgresServer(folder, user)
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def fast_folder() -> Path | None:
    """Return a folder in memory where there is room for a few databases, else None."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return None


def listen(
    process: "subprocess.Popen[str]", word: str, ready: threading.Event, said: list[str]
) -> None:
    """Read the server's log to its end, so that it never blocks, and note when it is ready."""
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if word in line:
                ready.set()
            elif not ready.is_set():
                said.append(line.strip())
    ready.set()
