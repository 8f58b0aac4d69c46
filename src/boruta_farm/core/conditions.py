"""Which conditions that somebody asks for a capability's value meets."""

from collections.abc import Iterable, Iterator

from boruta_farm.core.demands import Token, condition_of
from boruta_farm.selectors.conditions import Condition, OneOf, Present

VERDICTS_KEPT = 4096
"""Values per capability whose verdicts are remembered: a serial number has one for each worker."""


class _Capability:
    """Hold the conditions on one capability, each where it is found quickest."""

    __slots__ = ("any_value", "by_value", "tested", "verdicts")

    def __init__(self) -> None:
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

    def add(self, token: Token) -> None:
        """Ask for a condition from now on."""
        capability = self._on.setdefault(token[0], _Capability())
        condition = condition_of(token)
        match condition:
            case Present():
                capability.any_value = (token,)
            case OneOf():
                for value in condition.values:
                    capability.by_value.setdefault(value, set()).add(token)
            case _:
                capability.tested[token] = condition
                capability.verdicts.clear()

    def remove(self, token: Token) -> None:
        """Stop asking for a condition."""
        capability = self._on[token[0]]
        condition = condition_of(token)
        match condition:
            case Present():
                capability.any_value = ()
            case OneOf():
                for value in condition.values:
                    capability.by_value[value].discard(token)
                    if not capability.by_value[value]:
                        del capability.by_value[value]
            case _:
                del capability.tested[token]
                capability.verdicts.clear()
        if not (capability.any_value or capability.by_value or capability.tested):
            del self._on[token[0]]

    def met(self, tokens: Iterable[Token]) -> Iterator[Token]:
        """Yield the conditions that capabilities, given as tokens, meet."""
        if not self._on:
            return
        for token in tokens:
            if len(token) == 2:
                capability = self._on.get(token[0])
                if capability is not None:
                    yield from capability.met(token[1])
