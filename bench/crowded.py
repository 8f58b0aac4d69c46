"""Many agents, tunnels and waiting requests at once, with calls at a steady pace."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.copies import grown
from bench.history import STORED
from bench.lab import START_WITHIN, VERSION, Lab, matches
from bench.processes import answers, free_port, processor_time, wait_until
from bench.scene import Crowd, Household, calls, fleet, prepared, scene, serving, wait_for_agents
from bench.table import Row

CLIENTS = 32
P99 = 100.0
MEMORY = 2 << 30
MEBIBYTE = 1 << 20

BACK_AGENTS = 1000
SERVING_WITHIN, BACK_WITHIN = 3.0, 30.0
KILLS = 3


def load(lab: Lab, crowd: Crowd, pace: float, seconds: float) -> list[Row]:
    """Measure calls and memory while all that is going on."""
    samples = calls(crowd.queued)
    with scene(lab, crowd) as running:
        lab.own_load.pace(running.server.port, samples, CLIENTS, pace, 2.0)
        found = lab.own_load.pace(running.server.port, samples, CLIENTS, pace, seconds)
        household = Household.of(running.data)
        alive = running.tunnels.alive()
    words = f"{crowd.agents:,} agents, {crowd.tunnels:,} tunnels, {crowd.queued:,} queued"
    return [
        Row(
            name=f"{words}; {pace:g} calls a second for {seconds:g} s",
            value=f"{found.rate:,.0f}/s, p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms",
            aim=f"p99 <= {P99:g} ms",
            met=found.p99 <= P99 and found.rate > 0.98 * pace,
        ),
        Row(
            name=f"  memory of server, relay and door ({household.processes} processes)",
            value=f"{household.memory / MEBIBYTE:,.0f} MiB, {household.descriptors:,} descriptors",
            aim=f"<= {MEMORY / MEBIBYTE:,.0f} MiB",
            met=household.memory <= MEMORY,
        ),
        Row(
            name="  tunnels through which a word still comes back",
            value=f"{alive:,} of {crowd.tunnels:,}",
            aim="all",
            met=alive == crowd.tunnels,
        ),
    ]


def recovery(lab: Lab) -> list[Row]:
    """Measure a server that is killed: until it serves again, until its agents are back."""
    crowd = Crowd(agents=BACK_AGENTS, tunnels=0, queued=8_000, closed=2_000)
    few, data = prepared(lab, crowd), prepared(lab, crowd)
    grown(data, STORED)
    firsts, matchings, backs = [], [], []
    # What a start costs whatever is stored: in turn, since the machine does other things, too.
    beside, beside_cost = [], []
    # On a machine that does other things, too, processor time is what the server needed itself.
    first_cost, back_cost = [], []
    port = free_port()
    with ExitStack() as boards:
        for kill in range(1 + KILLS):
            if kill:
                spent, cost = _first_answer(few)
                beside.append(spent)
                beside_cost.append(cost)
            began = time.perf_counter()
            with serving(data, port) as server:
                first = time.perf_counter() - began
                cost = processor_time(server.pid)
                wait_until("matching", lambda: matches(port), START_WITHIN, server.log)
                matching = time.perf_counter() - began
                if not kill:
                    boards.enter_context(fleet(server, BACK_AGENTS))
                wait_for_agents(server, BACK_AGENTS)
                if kill:
                    first_cost.append(cost)
                    back_cost.append(processor_time(server.pid))
                    firsts.append(first)
                    matchings.append(matching)
                    backs.append(time.perf_counter() - began)
                if kill < KILLS:
                    os.kill(server.pid, signal.SIGKILL)
                    wait_until("gone", lambda: not answers(port, VERSION), START_WITHIN, server.log)
    return [
        Row(
            name=f"kill -9 to the first answer, {STORED:,} requests stored",
            value=f"{median(firsts):.2f} s, longest {max(firsts):.2f} s; "
            f"{median(first_cost):.2f} s of processor time",
            aim=f"<= {SERVING_WITHIN:g} s",
            met=max(firsts) <= SERVING_WITHIN,
        ),
        Row(
            name=f"  the same with {crowd.queued + crowd.closed:,} stored, in turn",
            value=f"{median(beside):.2f} s, longest {max(beside):.2f} s; "
            f"{median(beside_cost):.2f} s of processor time",
        ),
        Row(name="  until matching goes on", value=f"{median(matchings):.2f} s"),
        Row(
            name=f"  until {BACK_AGENTS:,} agents are back",
            value=f"{median(backs):.2f} s, longest {max(backs):.2f} s; "
            f"{median(back_cost):.2f} s of processor time in all",
            aim=f"<= {BACK_WITHIN:g} s",
            met=max(backs) <= BACK_WITHIN,
        ),
    ]


def _first_answer(data: Path) -> tuple[float, float]:
    """Start a server that was killed, and kill it again: seconds to its first answer, and its own.

    The latter are of processor time.
    """
    began = time.perf_counter()
    with serving(data, free_port()) as server:
        found = time.perf_counter() - began, processor_time(server.pid)
        os.kill(server.pid, signal.SIGKILL)
    return found
