"""A selector: what it asks for, and what fails on given capabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.conditions import Condition
from boruta_farm.selectors.parser import read
from boruta_farm.selectors.simplify import simplify


@dataclass(frozen=True, slots=True)
class Selector:
    """Ask for all of some conditions, in canonical form.

    Made by ``parse``; ``str`` gives the canonical text, which parses to the same selector.
    """

    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self.conditions))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the capabilities it looks at, sorted."""
        return tuple(dict.fromkeys(condition.name for condition in self.conditions))

    def matches(self, values: Mapping[str, str]) -> bool:
        """Tell whether capabilities meet every condition."""
        return all(condition.holds(values.get(condition.name)) for condition in self.conditions)

    def failing(self, values: Mapping[str, str]) -> tuple[Condition, ...]:
        """Return the conditions that capabilities do not meet, in canonical order."""
        return tuple(c for c in self.conditions if not c.holds(values.get(c.name)))


@lru_cache(maxsize=16_384)
def parse(text: str) -> Selector:
    """Return the selector that a text says, its canonical form; empty text asks for nothing.

    Raises SelectorError with the column at which it cannot be understood or contradicts itself.
    """
    return Selector(simplify(read(text)))


def check_exact(text: str, caps: Mapping[str, str]) -> None:
    """Raise SelectorError when a selector refuses a value that exact capabilities ask for."""
    for condition, column in read(text):
        value = caps.get(condition.name)
        if value is not None and not condition.holds(value):
            raise SelectorError(
                f"'{condition}' contradicts Caps, which ask for {condition.name}={value}: "
                "no board can meet both; remove one",
                column=column,
            )
