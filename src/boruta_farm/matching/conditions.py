"""Which conditions that somebody asks for a capability's value meets.

A capability with few values is a *column*: all its values are told apart once, and every further
condition follows from them without looking at a worker. One with many values, such as a serial
number, must not part its workers so; there each condition tells those who meet it from the rest.
"""

from collections.abc import Iterable, Iterator

from boruta_farm.core.demands import Token, condition_of
from boruta_farm.selectors.conditions import AnyOf, Condition, Present

COLUMN_VALUES = 64
"""The most values of a capability that are all told apart for the sake of conditions."""

VERDICTS_KEPT = 4096
"""Values per capability whose verdicts are remembered: a serial number has one for each worker."""


class _Capability:
    """Hold the conditions on one capability, each where it is found quickest."""

    __slots__ = ("any_value", "by_value", "column", "tested", "verdicts")

    def __init__(self, column: bool) -> None:
        self.column = column
        self.any_value: tuple[Token, ...] = ()
        self.by_value: dict[str, set[Token]] = {}
        self.tested: dict[Token, Condition] = {}
        self.verdicts: dict[str, tuple[Token, ...]] = {}

    def met(self, value: str) -> Iterator[Token]:
        yield from self.any_value
        yield from self.by_value.get(value, ())
        if not self.tested:
            return
        known = self.verdicts.get(value)
        if known is None:
            if len(self.verdicts) >= VERDICTS_KEPT:
                self.verdicts.clear()
            known = self.verdicts[value] = tuple(
                token for token, condition in self.tested.items() if condition.holds(value)
            )
        yield from known


class Conditions:
    """Keep the conditions that live demands ask for."""

    def __init__(self) -> None:
        self._on: dict[str, _Capability] = {}

    def add(self, token: Token, values: int) -> bool:
        """Ask for a condition from now on, on a capability that has so many values at present.

        Tells whether this makes the capability a column.
        """
        capability = self._on.get(token[0])
        fresh = capability is None
        if capability is None:
            capability = self._on[token[0]] = _Capability(values <= COLUMN_VALUES)
        condition = condition_of(token)
        match condition:
            case Present():
                capability.any_value = (token,)
            case AnyOf():
                for value in condition.values:
                    capability.by_value.setdefault(value, set()).add(token)
            case _:
                capability.tested[token] = condition
                capability.verdicts.clear()
        return fresh and capability.column

    def is_column(self, name: str) -> bool:
        """Tell whether all values of a capability are told apart."""
        capability = self._on.get(name)
        return capability is not None and capability.column

    def end_column(self, name: str) -> None:
        """Tell the values of a capability apart no more: they have become too many."""
        self._on[name].column = False

    def remove(self, token: Token) -> bool:
        """Stop asking for a condition; tells whether it was the last on its capability."""
        capability = self._on[token[0]]
        condition = condition_of(token)
        match condition:
            case Present():
                capability.any_value = ()
            case AnyOf():
                for value in condition.values:
                    capability.by_value[value].discard(token)
                    if not capability.by_value[value]:
                        del capability.by_value[value]
            case _:
                del capability.tested[token]
                capability.verdicts.clear()
        if not (capability.any_value or capability.by_value or capability.tested):
            del self._on[token[0]]
            return True
        return False

    def met(self, tokens: Iterable[Token], *, columns: bool) -> Iterator[Token]:
        """Yield the conditions on columns, or on all else, that capabilities' tokens meet."""
        if not self._on:
            return
        for token in tokens:
            if len(token) == 2:
                capability = self._on.get(token[0])
                if capability is not None and capability.column is columns:
                    yield from capability.met(token[1])
