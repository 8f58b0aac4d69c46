"""Selectors of callers, checked with the names that the farm's boards know."""

from collections.abc import Collection
from typing import Protocol

from boruta_farm.core.requests import check_selector_length
from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.hints import known_names
from boruta_farm.selectors.selector import Selector, parse


class CapabilityNames(Protocol):
    """Knows what boards have."""

    def capability_names(self) -> Collection[str]:
        """Return the names of the capabilities that registered boards have."""
        ...


def checked(text: str, names: CapabilityNames, longest: int) -> Selector:
    """Return a selector of at most ``longest`` characters, which is looked at before it is read.

    Raises LimitError, and SelectorError with its column and the names that could have been meant.
    """
    check_selector_length(text, longest)
    try:
        return parse(text)
    except SelectorError as error:
        if error.name is None:
            raise
        words = f"{error.message}; {known_names(error.name, names.capability_names())}"
        raise SelectorError.placed(words, error.column, error.name) from None
