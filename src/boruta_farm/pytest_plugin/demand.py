"""What a marker asks for: which board, and for how long it is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import HIGHEST_PRIORITY, LOWEST_PRIORITY
from boruta_farm.model.worker import TOOL_CAPABILITY
from boruta_farm.selectors.conditions import Absent, AnyOf, Present
from boruta_farm.selectors.want import ANY
from boruta_farm.settings.kinds import Duration
from boruta_farm.settings.table import SettingError

USUAL_PRIORITY: Final = 8
COMPARED: Final = re.compile(r"(>=|<=|==|!=|>|<|=|in\b|not in\b|has\b)|[-+.\d]+\.\.[-+.\d]+$")
"""How what is no exact value begins: it is taken as a selector has it."""


class DemandError(BorutaError):
    """this is no way to ask for a board"""

    code = "bad-demand"


class Keep(StrEnum):
    """For how long a board is kept: each test gets a clean one, or several use the same."""

    TEST = "test"
    MODULE = "module"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardDemand:
    """Say which board is wanted.

    ``want`` is one word for it, or a selector; ``selector`` is what must hold besides. ``keep`` and
    ``wait`` None are as the run's options say. ``name`` is what the test calls it by, where it has
    several.
    """

    want: str = ANY
    selector: str = ""
    name: str = ""
    keep: Keep | None = None
    wait: timedelta | None = None
    length: timedelta | None = None
    priority: int = USUAL_PRIORITY

    def __str__(self) -> str:
        return ", ".join(part for part in (self.want, self.selector) if part)


def demand(
    want: str = ANY,
    /,
    *,
    tools: str = "",
    name: str = "",
    scope: str | None = None,
    wait: str | timedelta | None = None,
    length: str | timedelta | None = None,
    priority: int = USUAL_PRIORITY,
    caps: Mapping[str, str] | None = None,
    **conditions: object,
) -> BoardDemand:
    """Return what is asked for.

    ``want`` is a board's name, a kind of board, or a selector. Each of the ``conditions`` is a
    capability: a value it must have, what a selector would say of it (``ram=">= 4"``), True where
    it must be there, False where it must not. ``caps`` are exact values under names that Python
    cannot write. ``tools`` are kinds of tools, such as ``"console power"``. Raises DemandError.
    """
    if not isinstance(want, str) or not want.strip():
        raise DemandError(f"which board? {want!r} is no text such as 'rpi4'")
    exact = [str(AnyOf(name=key, values=(value,))) for key, value in (caps or {}).items()]
    needed = [f"{TOOL_CAPABILITY}{kind}" for kind in str(tools).replace(",", " ").split()]
    told = [_condition(key, value) for key, value in conditions.items()]
    if not HIGHEST_PRIORITY <= priority <= LOWEST_PRIORITY:
        raise DemandError(
            f"priority={priority!r} is none: {HIGHEST_PRIORITY} (most important) to "
            f"{LOWEST_PRIORITY}"
        )
    return BoardDemand(
        want=want.strip(),
        selector=", ".join([*exact, *told, *(str(Present(name=each)) for each in needed)]),
        name=name,
        keep=None if scope is None else read_keep(scope),
        wait=None if wait is None else read_span("wait", wait),
        length=None if length is None else read_span("length", length),
        priority=priority,
    )


def _condition(name: str, value: object) -> str:
    if value is True:
        return str(Present(name=name))
    if value is False:
        return str(Absent(name=name))
    text = str(value).strip()
    if COMPARED.match(text):
        return f"{Present(name=name)} {text}"
    return str(AnyOf(name=name, values=(text,)))


def read_keep(scope: str) -> Keep:
    """Return for how long a board is kept. Raises DemandError."""
    try:
        return Keep(scope)
    except ValueError:
        raise DemandError(
            f"scope={scope!r} is none of {', '.join(Keep)}: for how long is the board kept?"
        ) from None


def read_span(name: str, given: str | timedelta) -> timedelta:
    """Return a span of time such as ``90s``. Raises DemandError."""
    if isinstance(given, timedelta):
        return given
    try:
        return Duration().read(given)
    except SettingError as wrong:
        raise DemandError(f"{name}={given!r}: {wrong.message}") from None
