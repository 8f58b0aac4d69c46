"""Print the part of the lock that a package carries: ``closure.py NEED ... < requirements.lock``.

A need is a requirement, such as ``websockets`` or ``boruta-farm[server]``.

What belongs to it is asked of the installed distributions, which came from the same lock; versions
and hashes are the lock's own.
"""

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "boruta-farm"
BLOCK = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def closure(needs: Iterable[str]) -> set[str]:
    """Return the names of all that is needed, the project itself left out."""
    waiting = [Requirement(need) for need in needs]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        need = waiting.pop()
        entry = (canonicalize_name(need.name), frozenset(need.extras))
        if entry in done:
            continue
        done.add(entry)
        further = (Requirement(text) for text in distribution(entry[0]).requires or ())
        waiting += [each for each in further if applies(each, entry[1])]
    return {name for name, _ in done} - {PROJECT}


def applies(need: Requirement, extras: frozenset[str]) -> bool:
    """Tell whether a requirement holds on this Python, with or without one of the extras."""
    marker = need.marker
    return marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras))


def pick(lock: str, names: set[str]) -> tuple[str, set[str]]:
    """Return the lock's blocks of these names, and the names that it lacks."""
    blocks = {canonicalize_name(match["name"]): match[0] for match in BLOCK.finditer(lock)}
    kept = "".join(block for name, block in blocks.items() if name in names)
    return kept, names - blocks.keys()


def main() -> int:
    """Filter standard input; 1 when something is not in the lock or not installed."""
    try:
        names = closure(sys.argv[1:])
    except PackageNotFoundError as error:
        print(f"closure: {error}; run ./run check first", file=sys.stderr)
        return 1
    kept, lacking = pick(sys.stdin.read(), names)
    if lacking:
        print(f"closure: not in the lock: {', '.join(sorted(lacking))}", file=sys.stderr)
        return 1
    print(kept, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
