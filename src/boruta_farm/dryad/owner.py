"""Which board a state folder is of: two boards must not show one credential."""

from pathlib import Path
from typing import Final

from boruta_farm.dryad.files import write_durably
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.files import read_bounded

OWNER_FILE: Final = "board"


def check_owner(folder: Path, uuid: str) -> None:
    """Raise ConfigError where a folder holds what is another board's, not this one's."""
    found = _owner(folder)
    if found not in ("", uuid):
        raise ConfigError(
            f"state_dir: {folder} holds the credential of another board of this machine, {found}; "
            f'give this one a folder of its own, in the configuration: state_dir = "{folder}-two". '
            f"If that board is no more, remove {folder}"
        )


def note_owner(folder: Path, uuid: str) -> None:
    """Keep whose a folder is. Raises StoreError."""
    if _owner(folder) != uuid:
        write_durably(folder / OWNER_FILE, f"{uuid}\n".encode())


def _owner(folder: Path) -> str:
    try:
        return read_bounded(folder / OWNER_FILE).decode("ascii", "replace").strip()
    except FileNotFoundError:
        # Agents did not always note it; one that is started does.
        return ""
    except OSError as error:
        raise ConfigError(f"{folder / OWNER_FILE}: cannot be read: {error.strerror}") from error
