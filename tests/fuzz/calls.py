"""``./run fuzz calls [--calls N] [--seeds N]``: calls that the description allows, by schemathesis.

They go to a whole farm in this process; nothing may be answered with a 5xx, or not as described.
"""

import argparse
import sys
import time
from typing import Any

import hypothesis
import schemathesis
from schemathesis.core.result import Ok

from tests.web.test_openapi import AT_LENGTH, ELSEWHERE, SCHEMA

FIRST = 1


def main() -> int:
    """Make the calls; return 1 when one was answered as it must not be."""
    options = _options()
    operations = [result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)]
    each = -(-options.calls // (options.seeds * len(operations)))
    began, made, wrong = time.monotonic(), 0, 0
    ELSEWHERE.start()
    seed = options.seed
    try:
        # Operations that take nothing are called once for each seed, whatever was asked for.
        while seed < options.seed + options.seeds or made < options.calls:
            for operation in operations:
                try:
                    made += _call(operation, seed, each)
                except Exception as error:  # noqa: BLE001  # whatever comes is what is looked for
                    wrong += 1
                    print(f"FOUND in {operation.label}, seed {seed}: {error}")
            print(f"seed {seed}: {made:,} calls so far", flush=True)
            seed += 1
    finally:
        ELSEWHERE.stop()
    took = time.monotonic() - began
    print(
        f"{made:,} calls to {len(operations)} operations, {seed - options.seed} seeds, "
        f"{took:.0f} s; {wrong} operations answered as they must not"
    )
    return 1 if wrong else 0


def _call(operation: Any, seed: int, count: int) -> int:
    """Call an operation so often; return how often it was. Raises what a check found."""
    made = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def call(case: schemathesis.Case[Any]) -> None:
        nonlocal made
        made += 1
        case.call_and_validate(checks=AT_LENGTH)

    call()
    return made


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="in all, at least")
    parser.add_argument("--seeds", type=int, default=4, help="at least")
    parser.add_argument("--seed", type=int, default=FIRST, help="the first of them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
