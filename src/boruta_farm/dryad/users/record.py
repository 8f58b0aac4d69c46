"""What root must remember of a board's session user: the uid given last, and in which boot."""

from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import BoardError, ConfigError, StoreError
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.files import parse_json
from boruta_farm.settings.kinds import Text, Whole
from boruta_farm.settings.records import read_record, write_record
from boruta_farm.settings.table import SettingError

FOLDER = Path("/var/lib/boruta-sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """Record the session user made last: ``boot_id`` tells in which boot of the machine."""

    uid: int = setting(Whole())
    boot_id: str = setting(Text())


RECORD = Struct(SessionRecord)


class RecordFile:
    """Keep the record in a folder that only root writes to; the network-facing agent cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> SessionRecord | None:
        """Return the record, None when no user was ever made. Raises BoardError when damaged."""
        try:
            return read_record(RECORD, parse_json(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, SettingError) as error:
            raise BoardError(
                f"{self._path}: cannot be read ({error}); see that no process of the board's uids "
                "runs, then remove the file"
            ) from error

    def save(self, record: SessionRecord) -> None:
        """Store the record; it survives a power cut. Raises BoardError."""
        try:
            write_durably(self._path, write_record(record))
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
