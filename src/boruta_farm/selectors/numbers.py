"""Values read as numbers: plain decimals, compared exactly."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def number(text: str) -> Decimal | None:
    """Return the number that a value says, None when it says none.

    Blanks around it are allowed; exponents, units and thousands separators are not: ``2G`` is
    text.
    """
    plain = text.strip()
    return Decimal(plain) if _NUMBER.fullmatch(plain) else None


def shown(value: Decimal) -> str:
    """Return the one way in which a number is written: ``2.90`` and ``+2.9`` are ``2.9``."""
    digits = f"{value:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits
