"""The files of a sandbox's folder: what it keeps over restarts, and its lock."""

import logging
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.files import LockedFolder, write_durably
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.files import parse_json
from boruta_farm.settings.kinds import OneOf, Text
from boruta_farm.settings.records import read_record, write_record
from boruta_farm.settings.table import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLease:
    """Note the session that was prepared last; it is written before anything is made.

    ``folder`` tells which folder it is of, by device and inode: a folder that was copied on this
    machine holds the lease of another board, whose session may be running.
    """

    mark: str = setting(Text())
    isolation: Isolation = setting(OneOf(Isolation))
    boot_id: str = setting(Text())
    folder: str = setting(Text())


logger = logging.getLogger(__name__)

LEASE = Struct(SandboxLease)


class SandboxFolder:
    """Name the files of one sandbox and read and write them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory.absolute()
        self.home = self.path / "home"
        self.host_key = self.path / "host_key"
        self.programs = self.path / "bin"
        self.socket = self.path / "dut.sock"
        self._lease = self.path / "lease.json"
        self._port = self.path / "port"
        self._folder = LockedFolder(self.path, "sandbox")

    def open(self) -> None:
        """Make the folder and lock it. Raises ConfigError."""
        self._folder.open()

    def close(self) -> None:
        """Unlock the folder."""
        self._folder.close()

    def read_port(self) -> int:
        """Return the port chosen at an earlier start, 0 when there is none."""
        try:
            return int(self._port.read_text())
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise BoardError(f"sandbox: {self._port} holds no port number; remove it") from error

    def write_port(self, port: int) -> None:
        """Keep the port for the next start. Raises StoreError."""
        write_durably(self._port, f"{port}\n".encode())

    @property
    def identity(self) -> str:
        """Return what no copy of the folder has; the same after it was moved on its disk."""
        status = self.path.stat()
        return f"{status.st_dev}:{status.st_ino}"

    def read_lease(self) -> SandboxLease | None:
        """Return the lease that was prepared and not cleaned since, None when there is none.

        None, too, where the folder is a copy of another board's: that one's session is not this
        one's to end.
        """
        try:
            # Agents did not always write which folder it is: an upgrade must end no session.
            content = {"folder": self.identity, **parse_json(self._lease.read_bytes())}
            lease = read_record(LEASE, content)
        except FileNotFoundError:
            return None
        except SettingError as error:
            raise BoardError(
                f"sandbox: {self._lease} is damaged, so processes of the last session cannot be "
                "told; restart the machine or end them by hand, then remove the file"
            ) from error
        if lease.folder != self.identity and lease.boot_id == read_boot_id():
            logger.warning(
                "%s was copied from another board's folder on this machine, which keeps its "
                "session; give each board a folder and a UUID of its own",
                self.path,
            )
            return None
        return lease

    def write_lease(self, lease: SandboxLease) -> None:
        """Keep the lease. Raises StoreError."""
        write_durably(self._lease, write_record(lease))

    def remove_lease(self) -> None:
        """Forget the lease: nothing of it is left."""
        self._lease.unlink(missing_ok=True)
