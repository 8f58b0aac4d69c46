"""Kill a server while it is written to: ``python -m tests.faults.kills FOLDER --rounds N``."""

import argparse
import asyncio
import random
from pathlib import Path

from tests.e2e.test_kill import kill_again_and_again
from tests.namespaces import run


async def main(folder: Path, rounds: int, seed: int) -> None:
    """Kill it so often, and read back what it acknowledged each time."""
    await run("ip", "link", "set", "lo", "up")
    # Not the folder that this command names itself: who names it afterwards was left behind.
    farm = folder / "farm"
    farm.mkdir()
    await kill_again_and_again(farm, rounds, seed)
    print(f"held through {rounds} kills", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    asyncio.run(main(options.folder, options.rounds, options.seed))
