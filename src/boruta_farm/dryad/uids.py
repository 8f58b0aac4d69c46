"""The uids of one board."""

import re
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")


@dataclass(frozen=True, slots=True, kw_only=True)
class UidRange:
    """Carry the uids that belong to one board, both ends included.

    The first is never given to a user: who ends a session's processes takes it, so that they
    cannot strike back.
    """

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "UidRange | None":
        """Return the range written as ``first-last``, None when it is not written so."""
        match = _FORM.fullmatch(text)
        return None if match is None else cls(first=int(match[1]), last=int(match[2]))

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self.first <= uid <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def keeper(self) -> int:
        """Return the uid that no user gets."""
        return self.first

    def overlaps(self, other: "UidRange") -> bool:
        """Tell whether two ranges share a uid."""
        return self.first <= other.last and other.first <= self.last

    def after(self, uid: int | None) -> int:
        """Return the uid whose turn is after ``uid``, round and round."""
        if uid is None or not self.first < uid < self.last:
            return self.first + 1
        return uid + 1
