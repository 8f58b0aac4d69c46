"""Commands that are proposed, written as this one was typed."""

import os
import re
from collections.abc import Iterable
from typing import Final

VARIABLE: Final = "BORUTA_CALLED_AS"
"""What a script that runs ``boruta`` says of how it was called, such as ``./run boruta``."""
PROPOSED: Final = re.compile(r"(?<![\w./-])boruta (?=(--|[a-z][a-z-]*))")

_verbs: set[str] = {"--"}


def learn_verbs(verbs: Iterable[str]) -> None:
    """Take what may follow ``boruta`` where it is a command; "boruta server" is none."""
    _verbs.update(verbs)


def as_called(text: str) -> str:
    """Return a text whose commands of ours begin as the one that was typed did."""
    called = os.environ.get(VARIABLE)
    if not called:
        return text
    return PROPOSED.sub(lambda found: f"{called} " if found[1] in _verbs else found[0], text)
