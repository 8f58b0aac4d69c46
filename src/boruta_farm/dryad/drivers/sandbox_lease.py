"""The files of a sandbox's folder: what it keeps over restarts, and its lock."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.model.errors import BoardError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Note the session that was prepared last; it is written before anything is made."""

    mark: str
    isolation: Isolation
    boot_id: str


class SandboxFolder:
    """Name the files of one sandbox and read and write them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory.absolute()
        self.home = self.path / "home"
        self.host_key = self.path / "host_key"
        self._lease = self.path / "lease.json"
        self._port = self.path / "port"
        self._lock = -1

    def open(self) -> None:
        """Make the folder, for nobody else to read, and lock it.

        Raises BoardError when another agent uses it or it cannot be made.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BoardError(f"sandbox: the folder {self.path} cannot be used: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise BoardError(
                f"sandbox: another agent uses {self.path}; stop it or configure another folder"
            ) from error
        self._lock = lock

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def read_port(self) -> int:
        """Return the port chosen at an earlier start, 0 when there is none."""
        try:
            return int(self._port.read_text())
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise BoardError(f"sandbox: {self._port} holds no port number; remove it") from error

    def write_port(self, port: int) -> None:
        """Keep the port for the next start."""
        write_file(self._port, f"{port}\n".encode())

    def read_lease(self) -> Lease | None:
        """Return the lease that was prepared and not cleaned since, None when there is none."""
        try:
            fields = json.loads(self._lease.read_bytes())
            return Lease(
                mark=str(fields["mark"]),
                isolation=Isolation(fields["isolation"]),
                boot_id=str(fields["boot_id"]),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise BoardError(
                f"sandbox: {self._lease} is damaged, so processes of the last session cannot be "
                "told; restart the machine or end them by hand, then remove the file"
            ) from error

    def write_lease(self, lease: Lease) -> None:
        """Keep the lease."""
        write_file(self._lease, json.dumps(asdict(lease)).encode())

    def remove_lease(self) -> None:
        """Forget the lease: nothing of it is left."""
        self._lease.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Replace a file at once by ``data``, readable by its owner only."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read_boot_id() -> str:
    """Return what changes with every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
