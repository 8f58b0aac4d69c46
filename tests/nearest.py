"""Which tests show a source file: those that bear its name, or that the room's README names."""

import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "boruta_farm"
LINE = re.compile(r"- `([^`]+\.py)`: (.+)")


@cache
def told(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return what a README of tests says: source file, as written there, to test files."""
    readme = folder / "README.md"
    if not readme.is_file():
        return {}
    return {
        found[1]: tuple(folder / name for name in re.findall(r"`([^`]+)`", found[2]))
        for line in readme.read_text().splitlines()
        if (found := LINE.match(line))
    }


def nearest(path: Path) -> tuple[Path, ...]:
    """Return the tests of a source file, empty when there are none."""
    place = path.relative_to(SOURCE)
    named = TESTS / place.parent / f"test_{place.stem}.py"
    room = TESTS / place.parts[0]
    listed = told(room).get(str(Path(*place.parts[1:])), ()) if len(place.parts) > 1 else ()
    if not listed:
        listed = told(TESTS).get(str(place), ())
    return ((named,) if named.is_file() else ()) + listed
