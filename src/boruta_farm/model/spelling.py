"""The one form of ids and names: what people take for the same is the same."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Signs that count as printable and show nothing."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LONGEST = 512
"""Characters; what is longer is no id and no name, and stays as it is: to put many combining marks
in order takes time that grows with their square."""


def normal(text: str) -> str:
    """Return an id or name in the one form that is kept: composed, without blanks around it.

    A UUID is in lower case, whoever printed it.
    """
    if len(text) > LONGEST:
        return text
    text = unicodedata.normalize("NFC", text).strip()
    return text.lower() if UUID.fullmatch(text) else text


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """Return what is the same for texts that people take for the same."""
    if len(text) > LONGEST:
        return text
    return normal(unicodedata.normalize("NFKC", UNSEEN.sub("", text)).casefold())


def alike(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Return those that differ in nothing but case, blanks and the like, together."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        found[folded(text)].append(text)
    return [tuple(sorted(same)) for same in found.values() if len(same) > 1]
