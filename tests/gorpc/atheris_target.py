"""The program atheris runs: ``python -m tests.gorpc.atheris_target [libFuzzer's options]``."""

import sys
import tracemalloc

import atheris
from tests.fuzz.instrumenting import instrument
from tests.gorpc.captures import NAMES, load
from tests.gorpc.torture import measure, read_everything

from boruta_farm.gorpc import binding, decoder, keys, parser, primitives, rpc, schema, types

MODULES = (binding, decoder, keys, parser, primitives, rpc, schema, types)


def recorded() -> list[int]:
    """Read every recording, both ways, and return how many messages each held."""
    captures = [load(name) for name in NAMES]
    return [read_everything(each.requests, 97) for each in captures] + [
        read_everything(each.replies, 97) for each in captures
    ]


def main() -> None:
    """Fuzz; exit with an error at the first stream that is not answered as it must be."""
    before = recorded()
    instrumented, left = instrument(MODULES)
    # Without this a fault of the instrumentation would pass for a result about our code.
    if recorded() != before or not all(before):
        sys.exit("the instrumented decoder reads the recordings differently: results are void")
    sys.stderr.write(f"instrumented {instrumented} functions, left {left}\n")
    tracemalloc.start()
    atheris.Setup(sys.argv, lambda data: measure(data, 1 + len(data) // 3))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
