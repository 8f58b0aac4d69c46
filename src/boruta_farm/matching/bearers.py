"""Which workers have a token: found without looking at all of them."""

from collections.abc import Collection, Iterable, Iterator

from boruta_farm.core.demands import Token, condition_of
from boruta_farm.matching.classes import Candidate
from boruta_farm.selectors.conditions import AnyOf

_GROUPS: None = None
"""Where groups are filed: no capability has this name."""


class Bearers:
    """Map each capability's values, and each group, to the workers that have it.

    Serial numbers and UUIDs make many values unique, so a lone bearer is stored as it is: a set
    would take ten times the room. Tokens that many have are kept once.
    """

    def __init__(self) -> None:
        self._of: dict[str | None, dict[str, Candidate | set[Candidate]]] = {}
        self._kept: dict[Token, Token] = {}

    @property
    def names(self) -> Collection[str]:
        """Return the capabilities that registered workers have."""
        return [name for name in self._of if name is not None]

    def values(self, name: str) -> Collection[str]:
        """Return the values that a capability has."""
        return self._of.get(name, {}).keys()

    def keep(self, tokens: Iterable[Token]) -> tuple[Token, ...]:
        """Return the tokens, each once, as the objects that are stored already."""
        kept = self._kept
        return tuple({kept.setdefault(token, token): None for token in tokens})

    def add(self, candidate: Candidate) -> None:
        """Add a worker under its tokens."""
        for token in candidate.tokens:
            name, value = _place(token)
            values = self._of.setdefault(name, {})
            known = values.get(value)
            if known is None:
                values[value] = candidate
            elif isinstance(known, set):
                known.add(candidate)
            else:
                values[value] = {known, candidate}

    def remove(self, candidate: Candidate) -> None:
        """Remove a worker from under its tokens."""
        for token in candidate.tokens:
            name, value = _place(token)
            values = self._of[name]
            known = values[value]
            if isinstance(known, set):
                known.discard(candidate)
                if known:
                    continue
            del values[value]
            del self._kept[token]
            if not values:
                del self._of[name]

    def of(self, token: Token) -> Iterator[Candidate]:
        """Yield the workers that have ``token``; for a condition, those whose value meets it."""
        if len(token) < 3:
            name, value = _place(token)
            yield from self._under(name, value)
            return
        for value in self.meeting(token):
            yield from self._under(token[0], value)

    def count(self, token: Token) -> int:
        """Return how many workers have ``token``, or meet the condition."""
        if len(token) < 3:
            return self._count(*_place(token))
        return sum(self._count(token[0], value) for value in self.meeting(token))

    def _count(self, name: str | None, value: str) -> int:
        known = self._of.get(name, {}).get(value)
        if known is None:
            return 0
        return len(known) if isinstance(known, set) else 1

    def __contains__(self, token: Token) -> bool:
        return next(self.of(token), None) is not None

    def meeting(self, token: Token) -> Iterable[str]:
        """Return the values that meet the condition of a token, among those there are."""
        condition = condition_of(token)
        if isinstance(condition, AnyOf):
            return condition.values
        return [value for value in self.values(condition.name) if condition.holds(value)]

    def _under(self, name: str | None, value: str) -> Iterable[Candidate]:
        known = self._of.get(name, {}).get(value)
        if known is None:
            return ()
        return known if isinstance(known, set) else (known,)


def _place(token: Token) -> tuple[str | None, str]:
    """Return under which name and value a token of a worker is filed."""
    return (_GROUPS, token[0]) if len(token) == 1 else (token[0], token[1])
