"""Which workers have a token: found without looking at all of them."""

from collections.abc import Iterable

from boruta_farm.core.classes import Candidate, Token


class Bearers:
    """Map each token to the workers that have it.

    Serial numbers and UUIDs make many tokens unique, so a lone bearer is stored as it is: a set
    would take ten times the room. Tokens that many have are kept once.
    """

    def __init__(self) -> None:
        self._of: dict[Token, Candidate | set[Candidate]] = {}
        self._kept: dict[Token, Token] = {}

    def keep(self, tokens: Iterable[Token]) -> tuple[Token, ...]:
        """Return the tokens, each once, as the objects that are stored already."""
        kept = self._kept
        return tuple({kept.setdefault(token, token): None for token in tokens})

    def add(self, candidate: Candidate) -> None:
        """Add a worker under its tokens."""
        for token in candidate.tokens:
            known = self._of.get(token)
            if known is None:
                self._of[token] = candidate
            elif isinstance(known, set):
                known.add(candidate)
            else:
                self._of[token] = {known, candidate}

    def remove(self, candidate: Candidate) -> None:
        """Remove a worker from under its tokens."""
        for token in candidate.tokens:
            known = self._of[token]
            if isinstance(known, set):
                known.discard(candidate)
                if known:
                    continue
            del self._of[token]
            del self._kept[token]

    def of(self, token: Token) -> tuple[Candidate, ...]:
        """Return the workers that have ``token``."""
        known = self._of.get(token)
        if known is None:
            return ()
        return tuple(known) if isinstance(known, set) else (known,)

    def __contains__(self, token: Token) -> bool:
        return token in self._of
