"""How one setting of the server is declared: default, reader, meaning, and how it is shown."""

from collections.abc import Callable
from dataclasses import field
from datetime import timedelta
from typing import Any

from boruta_farm.server import values
from boruta_farm.server.values import Raw


def setting(
    default: object,
    read: Callable[[Raw], object],
    help_text: str,
    show: Callable[[Any], str] = str,
) -> Any:
    """Return a dataclass field that carries all of it."""
    return field(default=default, metadata={"read": read, "help": help_text, "show": show})


def duration(default: timedelta, help_text: str) -> Any:
    """Return the field of a duration."""
    return setting(default, values.duration, help_text, values.show_duration)
