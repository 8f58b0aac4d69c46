"""What lets a session's user become root without a password, where the configuration says so."""

import os
import shutil
from pathlib import Path
from typing import Final

from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError

RULES: Final = Path("/etc/sudoers.d")
SUDO: Final = "sudo"
MODE: Final = 0o440


def has_sudo() -> bool:
    """Tell whether sudo is installed, and reads rules of a folder."""
    return shutil.which(SUDO, path="/usr/bin:/bin:/usr/local/bin") is not None and RULES.is_dir()


def allow_sudo(user: UserSettings) -> None:
    """Write the rule. Raises BoardError."""
    rule = _rule(user)
    # Files with a dot in their names are read by no sudo.
    new = rule.with_name(f".{rule.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        new.replace(rule)
    except OSError as error:
        raise BoardError(
            f"{rule} cannot be written: {error.strerror}; without it compat gives no sudo"
        ) from None


def withdraw_sudo(user: UserSettings) -> None:
    """Remove the rule, if there is one. Raises BoardError when it stays."""
    rule = _rule(user)
    try:
        rule.unlink(missing_ok=True)
    except OSError as error:
        raise BoardError(f"{rule} cannot be removed: {error.strerror}; remove it") from None


def _rule(user: UserSettings) -> Path:
    return RULES / f"boruta-{user.name}"
