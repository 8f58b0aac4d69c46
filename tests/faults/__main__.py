"""Break a farm on purpose, for long: ``./run faults [KIND ...] [--rounds N] [--seed S]``.

Each kind runs in a network namespace of its own, in a control group that bounds processes and
memory, and is ended when its time is over; so only root can run it. A seed repeats what was drawn,
not when it happened.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.security.__main__ import bounded, release

ROOT = Path(__file__).parents[2]
START, ROUND = 300.0, 240.0
"""Seconds at most, for all else and for each round; a sound farm needs some seconds of each."""

GRACE = 30.0


@dataclass(frozen=True, slots=True)
class Kind:
    """Tell one way to break a farm: a module with its options, and how many rounds are usual."""

    module: str
    rounds: int
    words: str
    options: tuple[str, ...] = ()


KINDS = {
    "kills": Kind("tests.faults.kills", 100, "kill a server of one machine while it is written to"),
    "crashes": Kind("tests.faults.crashes", 100, "kill servers, relays, doors, agents, database"),
    "pauses": Kind(
        "tests.faults.crashes", 10, "stop each of them for longer than any lease", ("--pauses",)
    ),
    "partitions": Kind("tests.faults.partitions", 20, "cut links between all of them"),
    "failovers": Kind("tests.faults.failovers", 10, "lose the database to its standby"),
    "consoles": Kind("tests.faults.consoles", 100, "kill agents whose console is talking"),
    "power": Kind("tests.faults.power", 200, "cut the power under the SQLite file"),
}


def main(words: list[str]) -> int:
    """Run the kinds that were named, or all; return 0 when everything held."""
    told = "; ".join(f"{name} ({kind.rounds}): {kind.words}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(prog="./run faults", description=f"Kinds: {told}.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="KIND")
    parser.add_argument("--rounds", type=int, help="how often, instead of the number above")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args(words)
    if os.geteuid() != 0:
        print("only root makes network namespaces: nothing was tried", file=sys.stderr)
        return 1
    groups = bounded()
    try:
        results = {
            name: play(KINDS[name], options.rounds or KINDS[name].rounds, options.seed)
            for name in options.kinds or KINDS
        }
    finally:
        release(groups)
    for name, took in results.items():
        print(f"{name}: {'FAILED' if took is None else f'held, {took / 60:.1f} min'}")
    return int(None in results.values())


def play(kind: Kind, rounds: int, seed: int) -> float | None:
    """Run one kind; return how many seconds it took, None when it failed."""
    folder = Path(tempfile.mkdtemp(prefix="boruta-faults-"))
    command = ["unshare", "--net", sys.executable, "-m", kind.module, str(folder)]
    command += ["--rounds", str(rounds), "--seed", str(seed), *kind.options]
    begun = time.monotonic()
    print(f"{' '.join(command[2:])}", flush=True)
    running = subprocess.Popen(command, cwd=ROOT)
    try:
        status = running.wait(START + rounds * ROUND)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as reason:
        print(f"ended: {reason or 'interrupted'}", file=sys.stderr)
        # Interrupted, it ends what it has started.
        running.send_signal(signal.SIGINT)
        try:
            running.wait(GRACE)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        status = 1
    if status:
        print(f"its logs are in {folder}", file=sys.stderr)
        return None
    shutil.rmtree(folder)
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
