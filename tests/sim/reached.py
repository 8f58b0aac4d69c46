"""Which branches of the rooms that decide are reached: what is never done is never checked."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import coverage

from tests.sim.history import fast_folder, play

SOURCE = Path(__file__).parents[2] / "src" / "boruta_farm"
ROOMS = ("core", "farm", "boards", "link", "store", "dryad")
"""The agent's room holds drivers and tools besides; only its own files are counted."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Tell by room which arcs of branches were taken, and how many there are."""

    taken: dict[str, frozenset[tuple[str, int, int]]]
    there: dict[str, int]

    @classmethod
    def of(cls, parts: Iterable["Reached"]) -> "Reached":
        """Return what several runs have reached together."""
        taken: dict[str, frozenset[tuple[str, int, int]]] = dict.fromkeys(ROOMS, frozenset())
        there: dict[str, int] = {}
        for part in parts:
            there = part.there
            for room, arcs in part.taken.items():
                taken[room] |= arcs
        return cls(taken, there)

    def __str__(self) -> str:
        """Return the rooms' shares on one line."""
        shares = (
            f"{room} {len(self.taken[room])} of {self.there[room]}"
            f" ({100 * len(self.taken[room]) // max(1, self.there[room])} %)"
            for room in self.there
        )
        return f"branches reached: {', '.join(shares)}"


def measured(seed: int) -> Reached:
    """Play a seed and return which branches it reached."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        files = {room: sorted((SOURCE / room).glob("*.py")) for room in ROOMS}
        meter = coverage.Coverage(
            data_file=str(Path(folder) / "data"),
            branch=True,
            config_file=False,
            include=[str(path) for paths in files.values() for path in paths],
        )
        meter.start()
        try:
            play(seed)
        finally:
            meter.stop()
        return Reached(
            {room: frozenset(_taken(meter, paths)) for room, paths in files.items()},
            {room: sum(_there(meter, path) for path in paths) for room, paths in files.items()},
        )


def _taken(meter: coverage.Coverage, paths: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in paths:
        arcs = meter.get_data().arcs(str(path)) or ()
        branches = meter.branch_stats(str(path))
        yield from ((path.name, *arc) for arc in arcs if arc[0] in branches)


def _there(meter: coverage.Coverage, path: Path) -> int:
    return sum(total for total, _ in meter.branch_stats(str(path)).values())
