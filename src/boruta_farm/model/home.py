"""Where a person's own files lie, also where nobody knows him."""

import os
import pwd
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from boruta_farm.model.errors import ConfigError

NO_HOME = "there is no such home folder; set HOME, or write the whole path"


def home_of(environment: Mapping[str, str]) -> Path | None:
    """Return the home: ``HOME``, else that of the account.

    None where neither is: a container may run under a uid that has no account.
    """
    named = environment.get("HOME")
    if named:
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def lend_home(environment: MutableMapping[str, str]) -> None:
    """Give a process without a home the root folder as one.

    Libraries ask for a home at every use, also where they are told to read nothing there.
    """
    if home_of(environment) is None:
        environment["HOME"] = "/"


def expand(text: str | Path, place: str) -> Path:
    """Return a path with ``~`` at its beginning replaced; ``place`` says where it was written.

    Raises ConfigError where there is no such home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{place}: {str(text)!r} has no meaning here: {NO_HOME}") from None
