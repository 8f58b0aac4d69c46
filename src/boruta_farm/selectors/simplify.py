"""The canonical form of conditions, and where they contradict each other.

Two selectors that ask for the same should read the same: then their requests share one place in
the queue's index.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.conditions import (
    Absent,
    Condition,
    Has,
    NoneOf,
    OneOf,
    Present,
    Within,
)


class Placed(NamedTuple):
    """A condition and the column at which it begins."""

    condition: Condition
    column: int


def simplify(given: Iterable[Placed]) -> tuple[Condition, ...]:
    """Return the conditions by name, merged as far as they can be.

    Raises SelectorError at the first condition that cannot hold together with those before it.
    """
    by_name: dict[str, list[Placed]] = {}
    merged: dict[str, tuple[Condition, ...]] = {}
    for placed in given:
        name = placed.condition.name
        alike = by_name.setdefault(name, [])
        together = merge([*merged.get(name, ()), placed.condition])
        if together is None:
            raise _contradiction(alike, placed)
        alike.append(placed)
        merged[name] = together
    return tuple(condition for name in sorted(merged) for condition in merged[name])


def merge(conditions: Sequence[Condition]) -> tuple[Condition, ...] | None:
    """Merge conditions on one capability; None when no value, nor its absence, meets them all."""
    name = conditions[0].name
    if any(isinstance(condition, Absent) for condition in conditions):
        missing = all(condition.holds(None) for condition in conditions)
        return (Absent(name=name),) if missing else None
    sets = [set(condition.values) for condition in conditions if isinstance(condition, OneOf)]
    if sets:
        allowed = [
            value
            for value in set.intersection(*sets)
            if all(condition.holds(value) for condition in conditions)
        ]
        return (OneOf(name=name, values=tuple(sorted(allowed))),) if allowed else None
    wanted = _wanted(name, conditions)
    if wanted is None:
        return None
    refused = {
        value
        for condition in conditions
        if isinstance(condition, NoneOf)
        for value in condition.values
        if all(other.holds(value) for other in wanted)
    }
    if not refused:
        return wanted
    return (*wanted, NoneOf(name=name, values=tuple(sorted(refused))))


def _wanted(name: str, conditions: Sequence[Condition]) -> tuple[Condition, ...] | None:
    """Merge presence, ranges and elements."""
    lists = sorted({condition.element for condition in conditions if isinstance(condition, Has)})
    ranges = [condition for condition in conditions if isinstance(condition, Within)]
    has = tuple(Has(name=name, element=element) for element in lists)
    if ranges:
        within = _intersection(name, ranges)
        if within.empty or len(lists) > 1:
            return None
        # A number is a list of one element, so that element must be a number of the range.
        inside = all(within.holds(element) for element in lists)
        return (within, *has) if inside else None
    if has:
        return has
    if any(isinstance(condition, Present) for condition in conditions):
        return (Present(name=name),)
    return ()


def _intersection(name: str, ranges: Iterable[Within]) -> Within:
    lows = [within.low for within in ranges if within.low is not None]
    highs = [within.high for within in ranges if within.high is not None]
    low = max(lows, key=lambda bound: (bound.number, bound.excluded), default=None)
    high = min(highs, key=lambda bound: (bound.number, not bound.excluded), default=None)
    return Within(name=name, low=low, high=high)


def _contradiction(alike: Sequence[Placed], placed: Placed) -> SelectorError:
    condition, column = placed
    for other in alike:
        if merge([other.condition, condition]) is None:
            against = f"'{other.condition}' at column {other.column}"
            break
    else:
        if merge([condition]) is None:
            return SelectorError(f"no value can meet '{condition}'", column=column)
        against = f"what stands before it about {condition.name!r}"
    return SelectorError(
        f"'{condition}' contradicts {against}: no board can meet both; remove one",
        column=column,
    )
