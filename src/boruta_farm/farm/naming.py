"""Selectors of callers, checked with the names that the farm's boards know."""

from collections.abc import Collection
from typing import Protocol

from boruta_farm.model.errors import LimitError, SelectorError
from boruta_farm.selectors.hints import known_names
from boruta_farm.selectors.selector import Selector, parse

LONGEST = 65_536
"""Longer selectors are not read at all; the farm's own limit for requests is far lower."""


class CapabilityNames(Protocol):
    """Knows what boards have."""

    def capability_names(self) -> Collection[str]:
        """Return the names of the capabilities that registered boards have."""
        ...


def checked(text: str, names: CapabilityNames) -> Selector:
    """Return a selector.

    Raises SelectorError with its column and the names that could have been meant.
    """
    if len(text) > LONGEST:
        raise LimitError(f"a selector has at most {LONGEST} characters, this one {len(text)}")
    try:
        return parse(text)
    except SelectorError as error:
        if error.name is None:
            raise
        words = f"{error.message}; {known_names(error.name, names.capability_names())}"
        raise SelectorError.placed(words, error.column, error.name) from None
