"""What the server reads at its start, read as its service's user would."""

import os
from pathlib import Path

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.service import as_account, is_hidden, service_account
from boruta_farm.server.config import Config, load
from boruta_farm.server.folder import DATABASE_FILE, LOCK_FILE
from boruta_farm.server.main import check as check_start

SERVICE = "boruta"
"""The account of the Debian package's units."""

STATE = Path("/var/lib/boruta")
"""Their StateDirectory, which systemd makes."""


def check(path: Path | None, user: str = SERVICE) -> str | None:
    """Return as whom the configuration and all that it names was read, None for ourselves.

    Raises ConfigError naming the file that cannot be used.
    """
    account = service_account(user)
    if account is None:
        _try(path)
        return None
    try:
        config = as_account(account, lambda: _try(path, STATE))
    except ConfigError as error:
        raise ConfigError(f"{error.message} (as the service's user {user})") from None
    named = (config.tls_certificate, config.tls_key, config.ssh_user_ca, config.ssh_user_revoked)
    for place in filter(None, (path, *named, config.data)):
        if is_hidden(place):
            raise ConfigError(
                f"{place}: the service's unit hides home folders (ProtectHome); move it, for "
                "instance to /etc/boruta"
            )
    return user


def _try(path: Path | None, made: Path | None = None) -> Config:
    """Load everything; nothing is made. ``made`` is a folder that is made before each start."""
    config = load(path)
    check_start(config, folder=config.data != made or config.data.exists())
    for name in ("", LOCK_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal", "secret.key"):
        place = config.data / name
        if place.exists() and not os.access(place, os.R_OK | os.W_OK):
            raise ConfigError(
                f"data: {place} cannot be used; give all of the folder to the server's user: "
                f"chown -R {SERVICE}: {config.data}"
            )
    return config
