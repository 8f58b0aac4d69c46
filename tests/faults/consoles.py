"""Kill agents whose console talks: ``python -m tests.faults.consoles FOLDER --rounds N``."""

import argparse
import asyncio
from pathlib import Path

from tests.dryad.tools.console.test_keeping import kill_agents

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, help="nothing is drawn here")
    options = parser.parse_args()
    asyncio.run(kill_agents(options.folder, options.rounds))
    print(f"no byte lost over {options.rounds} kills", flush=True)
