"""What a selector can ask of one capability."""

from dataclasses import dataclass
from decimal import Decimal

from boruta_farm.selectors.numbers import number, shown
from boruta_farm.selectors.words import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Ask for a capability, whatever its value."""

    name: str

    def holds(self, value: str | None) -> bool:
        """Tell whether a capability's value, None when it is missing, is what is asked for."""
        return value is not None

    def __str__(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Ask that a capability is missing."""

    name: str

    def holds(self, value: str | None) -> bool:
        """Tell whether the capability is missing."""
        return value is None

    def __str__(self) -> str:
        return f"!{quoted(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Ask for one of some values, compared as text; ``values`` are sorted and distinct."""

    name: str
    values: tuple[str, ...]

    def holds(self, value: str | None) -> bool:
        """Tell whether the value is one of them."""
        return value in self.values

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{quoted(self.name)} = {quoted(self.values[0])}"
        return f"{quoted(self.name)} in ({', '.join(map(quoted, self.values))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneOf:
    """Refuse some values; a board without the capability will do."""

    name: str
    values: tuple[str, ...]

    def holds(self, value: str | None) -> bool:
        """Tell whether the value is none of them."""
        return value not in self.values

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{quoted(self.name)} != {quoted(self.values[0])}"
        return f"{quoted(self.name)} not in ({', '.join(map(quoted, self.values))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """End a range; ``excluded`` when the number itself is outside."""

    number: Decimal
    excluded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Ask for a number between two ends, one of which may be missing."""

    name: str
    low: Bound | None = None
    high: Bound | None = None

    def holds(self, value: str | None) -> bool:
        """Tell whether the value is a number in the range."""
        found = None if value is None else number(value)
        return found is not None and self.contains(found)

    def contains(self, found: Decimal) -> bool:
        """Tell whether a number is in the range."""
        low, high = self.low, self.high
        if low is not None and (found < low.number or (low.excluded and found == low.number)):
            return False
        return high is None or (found < high.number or (not high.excluded and found == high.number))

    @property
    def empty(self) -> bool:
        """Tell whether no number is in the range."""
        if self.low is None or self.high is None:
            return False
        if self.low.number == self.high.number:
            return self.low.excluded or self.high.excluded
        return self.low.number > self.high.number

    def __str__(self) -> str:
        name, low, high = quoted(self.name), self.low, self.high
        if low is not None and high is not None and not (low.excluded or high.excluded):
            return f"{name} {shown(low.number)}..{shown(high.number)}"
        parts = []
        if low is not None:
            parts.append(f"{name} {'>' if low.excluded else '>='} {shown(low.number)}")
        if high is not None:
            parts.append(f"{name} {'<' if high.excluded else '<='} {shown(high.number)}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """Ask for one element of a value that is a list with commas."""

    name: str
    element: str

    def holds(self, value: str | None) -> bool:
        """Tell whether the element is in the list; blanks around elements do not count."""
        return value is not None and self.element in elements(value)

    def __str__(self) -> str:
        return f"{quoted(self.name)} has {quoted(self.element)}"


Condition = Present | Absent | AnyOf | NoneOf | Within | Has


def elements(value: str) -> list[str]:
    """Return the elements of a value that is a list with commas."""
    return [element.strip() for element in value.split(",")]
