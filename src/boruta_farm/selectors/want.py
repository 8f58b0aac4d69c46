"""A want: which board is meant, in what OpenSSH lets through as the name of a host.

want    = "any" | request | term { "+" term } | selector
request = [ "r" ] digits                        a running request; ssh makes 0.0.0.42 of 42
term    = name                                  a board's name, or a kind of board: rpi4
        | "!" name                              without this capability
        | name ( "=" | "!=" ) value             board=rpi4
        | name ".ge." number                    at least; gt, le, lt likewise
        | name ".has." value                    in a list with commas

Upper and lower case are the same here, since ssh folds them. What has a sign that no host's name
can have (a comma, a blank, ``<``, ``>``, a bracket or a quote) is read as a selector.
"""

import re
from dataclasses import dataclass
from typing import Final

from boruta_farm.model.errors import WantError
from boruta_farm.selectors.conditions import (
    Absent,
    AnyOf,
    Bound,
    Condition,
    Has,
    NoneOf,
    Within,
)
from boruta_farm.selectors.numbers import number, shown

ANY: Final = "any"
LONGEST: Final = 1024
"""Characters, as many as the name of a host may have for OpenSSH."""
MOST_DIGITS: Final = 18
"""Of the id of a request, which databases keep in 64 bits."""
SIGNS_OF_SELECTORS: Final = re.compile(r"""[,<>()\s"]""")

_REQUEST: Final = re.compile(r"r?([0-9]+)", re.ASCII | re.IGNORECASE)
_NUMBER_AS_ADDRESS: Final = re.compile(r"0\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})", re.ASCII)
_COMPARED: Final = re.compile(r"(.+?)\.(ge|gt|le|lt|has)\.(.+)", re.ASCII | re.IGNORECASE)
_UNSTORABLE: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_SEPARATOR: Final = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Ask for a board of this name, else one of this kind, such as ``rpi4``."""

    text: str

    def __str__(self) -> str:
        return self.text


Term = Called | Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """Say which board is meant; without anything, any board.

    ``request`` is the id of a running request, ``selector`` one to be read by the farm; where
    either is given there are no ``terms``. Made by ``parse``, to which ``str`` is the way back.
    """

    terms: tuple[Term, ...] = ()
    request: int | None = None
    selector: str | None = None

    def __str__(self) -> str:
        if self.request is not None:
            return f"r{self.request}"
        if self.selector is not None:
            return self.selector
        return _SEPARATOR.join(map(_written, self.terms)) or ANY


def parse(text: str) -> Want:
    """Return what a text wants. Raises WantError, which tells how it is written."""
    if len(text) > LONGEST:
        raise WantError(f"what is wanted has more than {LONGEST} characters; write less")
    text = text.strip()
    if not text:
        raise WantError("nothing is named; write a board's name, a kind of board, or any")
    if _UNSTORABLE.search(text):
        raise WantError(f"{text!r} has characters that no name can have; leave them out")
    request = request_of(text)
    if request is not None:
        return Want(request=request)
    if text.casefold() == ANY:
        return Want()
    if SIGNS_OF_SELECTORS.search(text):
        return Want(selector=text)
    return Want(terms=tuple(_term(part, text) for part in text.split(_SEPARATOR)))


def request_of(text: str) -> int | None:
    """Return the id if a text names a request (42, r42, 0.0.0.42), None for anything else."""
    found = _REQUEST.fullmatch(text)
    if found is not None:
        return int(found[1]) if len(found[1]) <= MOST_DIGITS else None
    # What OpenSSH makes of a plain number: the bytes of an address.
    bytes_found = _NUMBER_AS_ADDRESS.fullmatch(text)
    parts = [] if bytes_found is None else [int(part) for part in bytes_found.groups()]
    if not parts or max(parts) > 255:
        return None
    return int.from_bytes(bytes(parts), "big")


def _term(part: str, whole: str) -> Term:
    if not part:
        raise WantError(f"{whole!r} has a + with nothing beside it; write such as board=rpi4+gpu")
    if part.startswith("!"):
        return Absent(name=_name(part[1:], part))
    name, sign, value = part.partition("=")
    if sign:
        if not value:
            raise WantError(f"{part!r} names no value; write such as board=rpi4")
        if name.endswith("!"):
            return NoneOf(name=_name(name[:-1], part), values=(value,))
        return AnyOf(name=_name(name, part), values=(value,))
    compared = _COMPARED.fullmatch(part)
    if compared is None:
        return Called(text=_name(part, part))
    name, operator, value = _name(compared[1], part), compared[2].lower(), compared[3]
    if operator == "has":
        return Has(name=name, element=value)
    found = number(value)
    if found is None:
        raise WantError(f"{part!r} compares with {value!r}, which is no number; write ram.ge.4")
    bound = Bound(number=found, excluded=operator in ("gt", "lt"))
    if operator in ("ge", "gt"):
        return Within(name=name, low=bound)
    return Within(name=name, high=bound)


def _name(name: str, part: str) -> str:
    if not name or "!" in name or "=" in name:
        raise WantError(
            f"{part!r} names no capability; write name, !name, name=value, name!=value or name.ge.4"
        )
    return name


def _written(term: Term) -> str:
    match term:
        case Absent():
            return f"!{term.name}"
        case AnyOf():
            return f"{term.name}={term.values[0]}"
        case NoneOf():
            return f"{term.name}!={term.values[0]}"
        case Has():
            return f"{term.name}.has.{term.element}"
        case Within(low=Bound() as low):
            return f"{term.name}.{'gt' if low.excluded else 'ge'}.{shown(low.number)}"
        case Within(high=Bound() as high):
            return f"{term.name}.{'lt' if high.excluded else 'le'}.{shown(high.number)}"
        case _:
            return str(term)
