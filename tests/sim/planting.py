"""Bugs planted one at a time: a simulation that finds none of them would show nothing.

Each is a piece of the source replaced while its module is imported, in a process that does nothing
else; the files stay as they are.
"""

import multiprocessing
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.changed import ChangedModule

SOURCE = Path(__file__).parents[2] / "src" / "boruta_farm"
TABLE = Path(__file__).with_name("planted.toml")
MOST_SEEDS = 1000
STEPS = 50
"""Steps of a history that looks for a bug: half as many as usual, since most are found soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Carry one bug: what is replaced by what in which file, and what finds it."""

    name: str
    file: str
    old: str
    new: str
    seed: int | None = None
    test: str | None = None

    @property
    def module(self) -> str:
        """Return the module's name."""
        return f"boruta_farm.{self.file.removesuffix('.py').replace('/', '.')}"

    def source(self) -> str:
        """Return the module's source with the bug. Raises ValueError where it has no place."""
        text = (SOURCE / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: what it replaces stands {text.count(self.old)} times")
        return text.replace(self.old, self.new)


def loader(planted: Planted) -> ChangedModule:
    """Return what imports a module with its bug."""
    return ChangedModule(planted.module, SOURCE / planted.file, planted.source())


def table() -> list[Planted]:
    """Return all planted bugs."""
    known = tomllib.loads(TABLE.read_text())
    return [Planted(name=name, **fields) for name, fields in known.items()]


def find(planted: Planted, seeds: Iterable[int]) -> tuple[int, str] | None:
    """Return the first seed that finds a bug, and in which words; in a process of its own."""
    assert not any(name.startswith("boruta_farm") for name in sys.modules), "imported already"
    sys.meta_path.insert(0, loader(planted))
    from tests.sim.history import begin, forget_template, play

    begin()
    try:
        for seed in seeds:
            if (broken := play(seed, count=STEPS).broken) is not None:
                return seed, broken
        return None
    finally:
        forget_template()


def main() -> int:
    """Find one bug: its name, the first seed and the number of seeds are told by arguments."""
    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    planted = next(each for each in table() if each.name == name)
    if planted.test is not None:
        sys.meta_path.insert(0, loader(planted))
        import pytest

        options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
        failed = pytest.main([*options, planted.test]) == pytest.ExitCode.TESTS_FAILED
        print("found" if failed else "NOT found")
        return 0 if failed else 1
    found = find(planted, range(first, first + count))
    if found is None:
        print(f"NOT found by the seeds {first} to {first + count - 1}")
        return 1
    print(f"{found[0]} {found[1][:160]}".replace("\n", " "))
    return 0


def prove(names: Sequence[str], jobs: int, *, search: bool) -> int:
    """Show that each planted bug is found: by its recorded seed or, with ``search``, by any."""
    chosen = [each for each in table() if not names or each.name in names]
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda each: _outcome(each, search=search), chosen)
        lost = 0
        for planted, (done, words) in zip(chosen, outcomes, strict=True):
            lost += not done
            print(f"{planted.name}: {'' if done else 'LIVES, '}{words}", flush=True)
    print(f"{len(chosen)} planted bugs, {lost} not found, {time.monotonic() - began:.0f} s")
    return 1 if lost else 0


def _outcome(planted: Planted, *, search: bool) -> tuple[bool, str]:
    first, count = (1, MOST_SEEDS) if search else (planted.seed or 1, 1)
    command = [sys.executable, "-m", "tests.sim.planting", planted.name, str(first), str(count)]
    ended = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    lines = ended.stdout.strip().splitlines() or [f"ended by {ended.returncode}"]
    return ended.returncode == 0, lines[-1]


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
