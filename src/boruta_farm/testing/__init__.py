"""Farms for tests: ``farm()`` is a real one in this process, for anybody's own tests.

What simulates boards and time, for tests of Boruta itself, is in the modules of this package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boruta_farm.testing.local import LocalBoard as LocalBoard
    from boruta_farm.testing.local import LocalFarm as LocalFarm
    from boruta_farm.testing.local import farm as farm

_LOCAL = frozenset({"LocalBoard", "LocalFarm", "farm"})
"""Looked up only when used: who simulates boards needs neither server nor agent."""


def __getattr__(name: str) -> object:
    if name not in _LOCAL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from boruta_farm.testing import local

    return getattr(local, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LOCAL})
