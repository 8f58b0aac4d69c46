"""What root must remember of a board's session user: the uid given last, and in which boot."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import BoardError, ConfigError, StoreError

FOLDER = Path("/var/lib/boruta-sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """Record the session user made last: ``boot_id`` tells in which boot of the machine."""

    uid: int
    boot_id: str


class RecordFile:
    """Keep the record in a folder that only root writes to; the network-facing agent cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> SessionRecord | None:
        """Return the record, None when no user was ever made. Raises BoardError when damaged."""
        try:
            fields = json.loads(self._path.read_bytes())
            return SessionRecord(uid=int(fields["uid"]), boot_id=str(fields["boot_id"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BoardError(
                f"{self._path}: cannot be read ({error}); see that no process of the board's uids "
                "runs, then remove the file"
            ) from error

    def save(self, record: SessionRecord) -> None:
        """Store the record; it survives a power cut. Raises BoardError."""
        try:
            write_durably(self._path, json.dumps(asdict(record)).encode())
        except StoreError as error:
            raise BoardError(error.message) from error

    def make_folder(self) -> None:
        """Make the folder, for root alone. Raises ConfigError."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self._path.parent}: cannot be made: {error.strerror}; the session user can only "
                "be made by root: run the agent as root, or configure 'helper'"
            ) from error
