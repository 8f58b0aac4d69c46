"""The canonical form of conditions, and where they contradict each other.

Two selectors that ask for the same should read the same: then their requests share one place in
the queue's index.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.conditions import (
    Absent,
    AnyOf,
    Condition,
    Has,
    NoneOf,
    Present,
    Within,
    elements,
)

COMPARED = 16
"""Conditions among which the one that a later one contradicts is named: each costs its length."""


class Placed(NamedTuple):
    """A condition and the column at which it begins."""

    condition: Condition
    column: int


def simplify(given: Iterable[Placed]) -> tuple[Condition, ...]:
    """Return the conditions by name, merged as far as they can be, in linear time.

    Raises SelectorError at the first condition that cannot hold together with those before it.
    """
    by_name: dict[str, list[Placed]] = {}
    for placed in given:
        by_name.setdefault(placed.condition.name, []).append(placed)
    merged: dict[str, tuple[Condition, ...]] = {}
    refused: list[tuple[Placed, list[Placed]]] = []
    for name, alike in by_name.items():
        together = merge([placed.condition for placed in alike])
        if together is None:
            at = _first_refused(alike)
            refused.append((alike[at], alike[:at]))
        else:
            merged[name] = together
    if refused:
        placed, before = min(refused, key=lambda found: found[0].column)
        raise _contradiction(before, placed)
    return tuple(condition for name in sorted(merged) for condition in merged[name])


def merge(conditions: Sequence[Condition]) -> tuple[Condition, ...] | None:
    """Merge conditions on one capability; None when no value, nor its absence, meets them all."""
    name = conditions[0].name
    if any(isinstance(condition, Absent) for condition in conditions):
        missing = all(isinstance(condition, Absent | NoneOf) for condition in conditions)
        return (Absent(name=name),) if missing else None
    refused = {
        value
        for condition in conditions
        if isinstance(condition, NoneOf)
        for value in condition.values
    }
    lists = {condition.element for condition in conditions if isinstance(condition, Has)}
    ranges = [condition for condition in conditions if isinstance(condition, Within)]
    within = _intersection(name, ranges) if ranges else None

    def admits(value: str) -> bool:
        """Tell whether a value is in the range and has every element."""
        if within is not None and not within.holds(value):
            return False
        # Asked by length first: of many elements and many values no pair may be looked at.
        return not lists or (len(lists) <= len(value) and lists <= set(elements(value)))

    sets = [set(condition.values) for condition in conditions if isinstance(condition, AnyOf)]
    if sets:
        allowed = [
            value for value in set.intersection(*sets) if value not in refused and admits(value)
        ]
        return (AnyOf(name=name, values=tuple(sorted(allowed))),) if allowed else None
    if within is not None and (within.empty or len(lists) > 1):
        return None
    # A number is a list of one element, so that element must be a number of the range.
    if within is not None and not all(within.holds(element) for element in lists):
        return None
    wanted: list[Condition] = [] if within is None else [within]
    wanted += [Has(name=name, element=element) for element in sorted(lists)]
    if not wanted and any(isinstance(condition, Present) for condition in conditions):
        wanted.append(Present(name=name))
    barred = tuple(sorted(value for value in refused if admits(value)))
    return (*wanted, NoneOf(name=name, values=barred)) if barred else tuple(wanted)


def _first_refused(alike: Sequence[Placed]) -> int:
    """Return the place of the first condition that contradicts those before it, if any does.

    What contradicts itself goes on to do so, so the place is found by halving.
    """
    low, high = 1, len(alike)
    while low < high:
        middle = (low + high) // 2
        if merge([placed.condition for placed in alike[:middle]]) is None:
            high = middle
        else:
            low = middle + 1
    return low - 1


def _intersection(name: str, ranges: Iterable[Within]) -> Within:
    lows = [within.low for within in ranges if within.low is not None]
    highs = [within.high for within in ranges if within.high is not None]
    low = max(lows, key=lambda bound: (bound.number, bound.excluded), default=None)
    high = min(highs, key=lambda bound: (bound.number, not bound.excluded), default=None)
    return Within(name=name, low=low, high=high)


def _contradiction(alike: Sequence[Placed], placed: Placed) -> SelectorError:
    condition, column = placed
    for other in alike[:COMPARED]:
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
