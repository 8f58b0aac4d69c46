"""Rights to files of others, given to a uid by name: a core dump of its programs, its journal.

Such a file is root's, and its list of rights (ACL) lets the uid read it, and so whoever is given
that uid next.
"""

import os
import struct
from typing import Final

from boruta_farm.dryad.uids import UidRange

LISTS: Final = frozenset({"system.posix_acl_access", "system.posix_acl_default"})
HEAD: Final = struct.Struct("<I")
ENTRY: Final = struct.Struct("<HHI")
"""Whose entry it is, what it allows, and the number of whom it names."""

NAMED: Final = frozenset({0x02, 0x08})
"""Entries of a user and of a group by number; others name nobody."""


def find_grants(name: str, folder: int, uids: UidRange, *, remove: bool) -> bool:
    """Tell whether a file in the open folder gives one of the uids rights; take them where wanted.

    Raises OSError.
    """
    path = f"/proc/self/fd/{folder}/{name}"
    found = False
    for attribute in LISTS.intersection(os.listxattr(path, follow_symlinks=False)):
        rights = os.getxattr(path, attribute, follow_symlinks=False)
        entries = list(ENTRY.iter_unpack(rights[HEAD.size :]))
        others = [each for each in entries if each[0] not in NAMED or each[2] not in uids]
        if len(others) < len(entries):
            found = True
            if remove:
                kept = rights[: HEAD.size] + b"".join(ENTRY.pack(*each) for each in others)
                os.setxattr(path, attribute, kept, follow_symlinks=False)
    return found
