"""``dryad config check``: what the agent reads, read as the service's user would."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.asking import credential_path
from boruta_farm.dryad.config import DEFAULT_PATH, AgentConfig
from boruta_farm.dryad.credential import load_credential
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.users.command import USUAL_USER
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.service import as_account, is_hidden, service_account
from boruta_farm.model.token import conceal

DONE, FAILED = 0, 1


def main(arguments: Sequence[str]) -> int:
    """Tell whether a configuration is good, and for whom; 1 when it is not."""
    options = _options(arguments)
    try:
        whom = check(options.conf, options.user)
    except BorutaError as error:
        print(f"dryad config check: {conceal(error.message)}", file=sys.stderr)
        return FAILED
    print(f"{options.conf} is good{f' for the user {whom}' if whom else ''}")
    return DONE


def check(path: Path, user: str = USUAL_USER) -> str | None:
    """Return as whom the configuration was read, None for ourselves.

    Where a helper is configured the agent is not root: then it is read as its user. Raises
    ConfigError naming the file that cannot be used, and by whom.
    """
    config = configuration.load(path)
    account = service_account(user) if config.helper is not None else None
    if account is None:
        for trouble in troubles(path):
            raise ConfigError(trouble)
        return None
    for trouble in as_account(account, lambda: list(troubles(path))):
        raise ConfigError(f"{trouble} (as the service's user {user})")
    for place in _read(config):
        if is_hidden(place):
            raise ConfigError(
                f"{place}: the service's unit hides home folders (ProtectHome); move the file to "
                f"{path.parent}"
            )
    return user


def troubles(path: Path) -> Iterator[str]:
    """Find what keeps an agent that runs as we do from starting; nothing is made."""
    try:
        config = configuration.load(path)
        open_tools(config)
    except ConfigError as error:
        yield error.message
        return
    folder = there = config.state_dir
    while not there.exists():
        there = there.parent
    # Where the state's folder is missing, systemd makes it below one of root's.
    if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield f"state_dir: {folder} cannot be used; chown it to the service's user"
        return
    credential = credential_path(config)
    if credential.exists():
        try:
            load_credential(credential)
        except ConfigError as error:
            yield error.message


def _read(config: AgentConfig) -> tuple[Path, ...]:
    """Return the files that the agent reads as itself."""
    return (config.path, config.state_dir, *([config.ca_file] if config.ca_file else []))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad config check",
        description="Check a configuration, and that the service's user can read what it names.",
        allow_abbrev=False,
    )
    parser.add_argument("check", choices=("check",), help="nothing is changed")
    parser.add_argument(
        "file", nargs="?", type=Path, default=DEFAULT_PATH, help=f"default {DEFAULT_PATH}"
    )
    parser.add_argument(
        *("-conf", "--conf"), dest="file_option", type=Path, metavar="FILE", help="as for dryad"
    )
    parser.add_argument(
        "--user", default=USUAL_USER, help=f"whom the service runs as (default {USUAL_USER})"
    )
    found = parser.parse_args(arguments)
    found.conf = found.file_option or found.file
    return found
