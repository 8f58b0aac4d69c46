"""Paths that ssh's options can hold."""

import re
from pathlib import Path

from boruta_farm.model.errors import ConfigError

UNTELLABLE = re.compile(r"[\"\\\r\n]|\$\{")
"""What ssh's options cannot hold, or hold differently from version to version."""


def check_tellable(path: Path) -> Path:
    """Return a path that ssh can be told of.

    Raises ConfigError for what no version of ssh, or only the newest, takes.
    """
    if UNTELLABLE.search(str(path)):
        raise ConfigError(
            f"{str(path)!r}: ssh cannot be told of a path with a quote, a backslash, a line end or "
            "${ in it; choose another"
        )
    return path
