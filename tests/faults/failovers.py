"""Lose the database again and again, and let its standby take over each time.

``python -m tests.faults.failovers FOLDER --rounds N``: two servers file requests without end, over
two real clusters of which commits wait for the second. The one that was lost follows the other
next.
"""

import argparse
import asyncio
import random
import time
from pathlib import Path

from boruta_farm.model.request import RequestState
from tests.e2e.filing import Filing
from tests.e2e.site import site
from tests.faults.crashes import inner
from tests.namespaces import run
from tests.store.standby import replicated

FEW = 10


async def main(folder: Path, rounds: int, seed: int) -> None:
    """Go through all rounds, then read back what was acknowledged."""
    print(f"seed {seed}", flush=True)
    await run("ip", "link", "set", "lo", "up")
    chance, filing = random.Random(seed), Filing()
    with replicated() as databases:
        databases.be_synchronous()
        async with site(inner(folder), databases.database("farm"), calls_per_source="0") as farm:
            await farm.add()
            await farm.add()
            async with filing.through(farm.replicas):
                for number in range(rounds):
                    for place in range(2):
                        await filing.more(FEW, place)
                    await asyncio.sleep(chance.uniform(0.0, 0.5))
                    await asyncio.to_thread(databases.first.kill)
                    await asyncio.to_thread(databases.fail_over)
                    begun = time.monotonic()
                    for place in range(2):
                        await filing.more(FEW, place)
                    took = time.monotonic() - begun
                    print(f"round {number}: both write again after {took:.1f} s", flush=True)
                    await asyncio.to_thread(databases.swap)
                    await asyncio.to_thread(databases.be_synchronous)
            for replica in farm.replicas:
                requests = replica.farm.requests
                for one in filing.made:
                    found = await requests.get_request_info(replica.farm.caller, one)
                    assert found.state is RequestState.WAITING
    print(f"{len(filing.made)} requests acknowledged, none lost")
    print(f"held through {rounds} rounds", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    asyncio.run(main(options.folder, options.rounds, options.seed))
