"""``./run fuzz [--minutes N] [TARGET ...]``: let atheris look for bytes that break a promise."""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.mutating import mutations
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target

LONGEST = 4096
SLOWEST = 10
"""Seconds of one look after which libFuzzer calls it a fault."""

MEMORY = 2048
"""MiB."""

START = 60
"""Seconds that a run may take beyond its time, most of them to instrument and to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Tell which target's promise was broken, the last words of that, and by which files."""

    target: str
    words: str
    files: tuple[Path, ...]


def main() -> int:
    """Fuzz the named targets, or all; return 1 when something was found."""
    options = _options()
    names = options.names or list(TARGETS)
    seconds = max(1, round(options.minutes * 60 / len(names)))
    options.findings.mkdir(exist_ok=True)
    guided = find_spec("atheris") is not None
    if not guided:
        print("fuzz: atheris is not installed (x86-64, Python 3.11 only): mutations by chance")
    findings = []
    for place, name in enumerate(names):
        began = time.monotonic()
        seed = options.seed + place
        find = _guided if guided else _unguided
        found, told = find(TARGETS[name], seconds, seed, options.findings)
        print(f"{name}: {told} in {time.monotonic() - began:.0f} s, seed {seed}", flush=True)
        if found is not None:
            findings.append(found)
    for finding in findings:
        print(f"\nFOUND in {finding.target}: {' '.join(map(str, finding.files))}\n{finding.words}")
        print(f"again: python -m tests.fuzz.guided {finding.target} FILE")
    return 1 if findings else 0


def _guided(target: Target, seconds: int, seed: int, folder: Path) -> tuple[Finding | None, str]:
    """Fuzz in a process of its own; return what was found, and how much was looked at."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        for number, data in enumerate((*target.examples, *target.odd)):
            (Path(place) / f"{number:03}").write_bytes(data)
        before = set(folder.iterdir())
        flags = (
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST}",
            f"-rss_limit_mb={MEMORY}",
            f"-artifact_prefix={folder / target.name}-",
            "-print_final_stats=1",
        )
        done = subprocess.run(
            (sys.executable, "-m", "tests.fuzz.guided", target.name, *flags, place),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + START,
            check=False,
        )
    runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    told = f"{int(runs[-1].split()[-1]):,} looks" if runs else "no looks"
    if done.returncode == 0 and runs:
        return None, told
    words = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
    files = tuple(sorted(set(folder.iterdir()) - before))
    return Finding(target=target.name, words=words, files=files), f"{told}, FOUND something"


def _unguided(target: Target, seconds: int, seed: int, folder: Path) -> tuple[Finding | None, str]:
    """Look at mutations until the time is over."""
    deadline, count = time.monotonic() + seconds, 0
    examples = (*target.examples, *target.odd)
    for data in mutations(examples, seed, sys.maxsize):
        if time.monotonic() > deadline:
            break
        count += 1
        try:
            target.look(data)
        except Exception as error:  # noqa: BLE001  # whatever comes is what is looked for
            file = folder / f"{target.name}-{seed}-{count}"
            file.write_bytes(data)
            found = Finding(target=target.name, words=repr(error), files=(file,))
            return found, f"{count:,} looks, FOUND something"
    return None, f"{count:,} looks"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=f"targets: {', '.join(TARGETS)}")
    parser.add_argument("names", nargs="*", metavar="TARGET", choices=[*TARGETS, []])
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
