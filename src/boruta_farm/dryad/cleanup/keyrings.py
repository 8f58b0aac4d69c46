"""Empty the kernel's keyrings of a board's uids: credential caches lie in them, and they stay.

A session's own keyring ends with its processes. The keyrings of a *user*, and the persistent one,
outlive them all: the next user reads what lies there if its permissions let him, and, once the
uids have gone round, it is his.
"""

import ctypes
import errno
import struct
from collections.abc import Iterator
from typing import Final

from boruta_farm.dryad.cleanup.base import Session, summary
from boruta_farm.dryad.cleanup.guise import call, guise, numbers
from boruta_farm.dryad.proc.keys import list_key_owners
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.model.errors import BoardError

GET_ID, CLEAR, READ, INVALIDATE, GET_PERSISTENT = 0, 7, 11, 21, 22
THREAD, PROCESS, USER, USER_SESSION = -1, -2, -4, -5
OWN_UID: Final = -1
ABSENT: Final = frozenset(
    {errno.ENOKEY, errno.EKEYREVOKED, errno.EKEYEXPIRED, errno.EOPNOTSUPP, errno.ENOSYS}
)
"""It was emptied a moment ago, or this kernel has no such keyrings."""


class Keyrings:
    """The user's, the user's session's and the persistent keyring of each uid that has keys."""

    def end(self, session: Session) -> list[str]:
        """Empty them and have the kernel forget them. Raises BoardError."""
        return self._go(session, clear=True)

    def left(self, session: Session) -> list[str]:
        """Return which uids still have keys there."""
        return self._go(session, clear=False)

    def _go(self, session: Session, *, clear: bool) -> list[str]:
        found = [
            f"{keys} of uid {uid}"
            for uid in list_key_owners()
            if uid in session.uids and (keys := _empty(uid, clear=clear))
        ]
        return summary(found, "keyring of the kernel with keys", "keyrings of the kernel with keys")


def _empty(uid: int, *, clear: bool) -> int:
    """Return how many keys there are, and remove them with their keyrings where wanted."""
    if any(find_owned({uid})):
        # They could strike a thread that bears their uid.
        raise BoardError(f"uid {uid} still runs processes, so its keyrings wait")
    _must_be_allowed()
    with guise(real=uid, effective=uid):
        try:
            rings = tuple(_rings())
            # The user's keyring lies in the one of the user's session; that is no key of his.
            keys = {key for ring in rings for key in _read(ring)}.difference(rings)
            for ring in rings if clear else ():
                _ask(CLEAR, ring)
                _ask(INVALIDATE, ring)
        except PermissionError:
            raise BoardError(
                f"a keyring of uid {uid} is closed even to its owner, and only a restart empties "
                "it: restart the board's computer"
            ) from None
        finally:
            # The persistent one is reached by way of the thread's own.
            _ask(CLEAR, THREAD)
    return len(keys)


def _must_be_allowed() -> None:
    """Raise BoardError where nobody may ask for keyrings: most containers filter that call."""
    try:
        _ask(GET_ID, PROCESS, 0)
    except PermissionError:
        raise BoardError(
            "the kernel's keyrings hold keys of this board's uids and cannot be asked for: let the "
            "container of the agent call keyctl (systemd-nspawn: --system-call-filter=@keyring)"
        ) from None


def _rings() -> Iterator[int]:
    """Yield the keyrings of this thread's uid; who looks makes those that are missing."""
    for name in (USER, USER_SESSION):
        if ring := _ask(GET_ID, name, 1):
            yield ring
    if ring := _ask(GET_PERSISTENT, OWN_UID, THREAD):
        yield ring


def _read(ring: int) -> tuple[int, ...]:
    """Return what lies in a keyring."""
    size = _ask(READ, ring, None, 0)
    content = ctypes.create_string_buffer(size)
    size = min(_ask(READ, ring, content, size), size)
    return tuple(int(key) for (key,) in struct.iter_unpack("i", content.raw[: size // 4 * 4]))


def _ask(operation: int, *arguments: object) -> int:
    """Do one thing with a keyring; 0 where there is none. Raises OSError."""
    _, keyctl = numbers()
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    try:
        return call(keyctl, ctypes.c_long(operation), *words)
    except OSError as error:
        if error.errno in ABSENT:
            return 0
        raise
