"""Two real PostgreSQL clusters, the second following the first by streaming replication."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.store.postgres_server import (
    PATIENCE,
    READY_TO_READ,
    Cluster,
    NoServerError,
    as_user,
    new_folder,
    programs,
    unprivileged,
)

STANDBY = "standby"
"""What the second cluster calls itself at the first."""

FOLLOWS = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{STANDBY}'"


class Pair:
    """Hold the cluster that takes writes and the one that follows it."""

    def __init__(self, first: Cluster, second: Cluster, user: str) -> None:
        self.first = first
        self.second = second
        self._user = user

    def ask(self, cluster: Cluster, *statements: str) -> object:
        """Run statements past the farm; return the first value of the last one."""
        address = f"postgresql://{self._user}@/postgres?host={cluster.folder}"
        found: object = None
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                row = cursor.fetchone() if cursor.description else None
                found = None if row is None else row[0]
        return found

    def database(self, name: str) -> str:
        """Make a database; return the address that leads to whichever cluster takes writes."""
        self.ask(self.first, f"CREATE DATABASE {name}")
        hosts = f"{self.first.folder},{self.second.folder}"
        return f"postgresql://{self._user}@/{name}?host={hosts}&target_session_attrs=read-write"

    def be_synchronous(self) -> None:
        """Have every commit wait for the second cluster from now on."""
        setting = f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'"
        self.ask(self.first, setting, "SELECT pg_reload_conf()")
        until(lambda: self.ask(self.first, FOLLOWS) == "sync")

    def cut(self) -> None:
        """Let the second cluster hear nothing more of the first."""
        self.ask(self.second, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        until(lambda: self.ask(self.first, FOLLOWS) is None)

    def fail_over(self) -> None:
        """Let the second cluster take writes: the first must be gone."""
        if self.ask(self.second, "SELECT pg_promote()") is not True:
            raise NoServerError("the standby was not promoted")

    def join(self) -> None:
        """Let the second cluster follow the first, whatever it had before."""
        shutil.rmtree(self.second.folder / "data", ignore_errors=True)
        _copy(self.first, self.second, self._user)
        self.second.start(READY_TO_READ)
        until(lambda: self.ask(self.first, FOLLOWS) is not None)

    def swap(self) -> None:
        """After a failover, let the one that was lost follow the one that took over."""
        self.first, self.second = self.second, self.first
        self.join()


def until(found: Callable[[], bool]) -> None:
    """Return once something is so: a database tells nobody."""
    latest = time.monotonic() + PATIENCE
    while not found():
        if time.monotonic() > latest:
            raise NoServerError("the clusters do not come together")
        time.sleep(0.02)


@contextmanager
def replicated() -> Iterator[Pair]:
    """Run both clusters for the block, and leave nothing behind. Raises NoServerError."""
    programs()
    user = unprivileged()
    first, second = (Cluster(new_folder(user), user) for _ in range(2))
    both = Pair(first, second, user)
    try:
        first.initialise()
        first.start()
        both.join()
        yield both
    finally:
        for cluster in (second, first):
            cluster.stop()
            shutil.rmtree(cluster.folder)


def _copy(first: Cluster, second: Cluster, user: str) -> None:
    """Copy the first cluster for the second, which will follow it."""
    origin = f"host={first.folder} user={user} application_name={STANDBY}"
    command: list[str | Path] = [
        programs() / "pg_basebackup",
        "-d",
        origin,
        "-D",
        second.folder / "data",
    ]
    made = subprocess.run(
        [*command, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=second.folder,
        check=False,
        **as_user(user),
    )
    if made.returncode != 0:
        raise NoServerError(f"pg_basebackup failed: {made.stderr.strip()}")
