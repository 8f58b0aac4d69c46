"""Names that a person may have meant."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

MOST_NAMES = 20
"""Names listed in an error; a farm may know hundreds."""

LONGEST_NAME = 64
"""Characters of what is compared: the time that it takes grows with their square."""


def near(given: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that come near, the nearest first, whatever their case.

    To compare two of them takes some 15 us. What is very long comes near nothing.
    """
    if len(given) > LONGEST_NAME:
        return []
    plain: dict[str, list[str]] = {}
    for name in known:
        if len(name) <= LONGEST_NAME:
            plain.setdefault(name.casefold(), []).append(name)
    found = get_close_matches(given.casefold(), plain, n=3, cutoff=0.6)
    return [name for key in found for name in sorted(plain[key])][:3]


def known_names(given: str | None, known: Collection[str]) -> str:
    """Return the words that tell which names there are, those near to ``given`` first."""
    if not known:
        return "no board is registered yet, so no capability is known"
    words = ""
    if given and given not in known:
        guesses = near(given, known)
        words = f"did you mean {' or '.join(guesses)}? " if guesses else ""
    shown = sorted(known)[:MOST_NAMES]
    more = len(known) - len(shown)
    listed = ", ".join(shown) + (f" and {more} more" if more else "")
    return f"{words}capabilities known here: {listed}"
