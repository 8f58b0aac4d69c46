"""Fuzz one target: ``python -m tests.fuzz.guided NAME [libFuzzer's options and folders]``.

A file in place of options is looked at once: so findings are read again.
"""

import sys
from pathlib import Path

from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target


def main() -> None:
    """Fuzz; end with an error at the first bytes that break a promise."""
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    if len(options) == 1 and Path(options[0]).is_file():
        print("taken" if target.look(Path(options[0]).read_bytes()) else "refused")
        return
    import atheris

    from tests.fuzz.instrumenting import instrument

    before = _looked(target)
    count, left = instrument(target.modules)
    # Without this a fault of the instrumentation would pass for a result about our code.
    if _looked(target) != before:
        sys.exit("the instrumented reader takes the examples differently: results are void")
    sys.stderr.write(f"{name}: instrumented {count} functions, left {left}\n")

    def look(data: bytes) -> None:
        target.look(data)

    atheris.Setup([sys.argv[0], *options], look)
    atheris.Fuzz()


def _looked(target: Target) -> list[bool]:
    return [target.look(data) for data in (*target.examples, *target.odd)]


if __name__ == "__main__":
    main()
