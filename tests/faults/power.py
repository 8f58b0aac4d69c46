"""Cut the power under a farm's SQLite file: ``python -m tests.faults.power FOLDER --rounds N``."""

import argparse
import logging
import random
from pathlib import Path

from tests.store.test_power_loss import cut

ENOUGH = 20
"""Events that some life must have had acknowledged, or the cuts come too early to matter."""


def main(folder: Path, rounds: int, seed: int) -> None:
    """Cut at so many points, drawn by as many seeds."""
    # Every cut is told as the failure that it is.
    logging.disable(logging.CRITICAL)
    print(f"seeds {seed} to {seed + rounds - 1}", flush=True)
    told = [cut(each, folder / "farm.db", "FULL") for each in range(seed, seed + rounds)]
    assert rounds < ENOUGH or max(told) > ENOUGH, "the cuts came too early"
    print(f"held through {rounds} cuts, {sum(told)} events acknowledged before them", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    main(options.folder, options.rounds, options.seed)
