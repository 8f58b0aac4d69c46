"""What agents cost a server by being there: many connected, nothing to do."""

import time

from bench.lab import Lab, Size
from bench.machine import resident
from bench.processes import processor_time
from bench.table import Row

AGENTS = 3000
WATCHED_SECONDS = 15.0
"""Three heartbeats of each."""
SHARE_AIM, MEMORY_AIM = 3.0, 25.0


def crowd(lab: Lab) -> list[Row]:
    """Measure the server's share of a core and its memory for each agent.

    The memory is what a server over the same data takes more with the agents than without.
    """
    size = Size(ready=AGENTS)
    with lab.serve(size) as server:
        alone = resident(server.pid)
    with lab.serve(size, boards=True) as server:
        began, spent = time.perf_counter(), processor_time(server.pid)
        # Nothing tells when agents have idled for long enough to be judged.
        time.sleep(WATCHED_SECONDS)
        share = (processor_time(server.pid) - spent) / (time.perf_counter() - began) * 100
        each = (resident(server.pid) - alone) / AGENTS / 1024
    return [
        Row(
            name=f"{AGENTS:,} connected agents idle: processor",
            value=f"{share:.1f} % of a core",
            aim=f"<= {SHARE_AIM:g} %",
            met=share <= SHARE_AIM,
        ),
        Row(
            name="  memory of each",
            value=f"{each:.1f} KiB",
            aim=f"<= {MEMORY_AIM:g} KiB",
            met=each <= MEMORY_AIM,
        ),
    ]
