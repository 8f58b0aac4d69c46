"""The program atheris runs: ``python -m tests.gorpc.atheris_target [libFuzzer's options]``."""

import dis
import inspect
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from types import FunctionType, ModuleType

import atheris
from tests.gorpc.captures import NAMES, load
from tests.gorpc.torture import measure, read_everything

from boruta_farm.gorpc import binding, decoder, keys, parser, primitives, rpc, schema, types

MODULES = (binding, decoder, keys, parser, primitives, rpc, schema, types)


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """Find what is written in a module, methods and properties included."""
    for member in vars(module).values():
        if getattr(member, "__module__", None) != module.__name__:
            continue
        candidates = vars(member).values() if inspect.isclass(member) else (member,)
        for candidate in candidates:
            function = candidate.fget if isinstance(candidate, property) else candidate
            if inspect.isfunction(function) and function.__code__.co_filename == module.__file__:
                yield function


def has_long_jump_back(function: FunctionType) -> bool:
    """Tell whether a loop is so long that its jump needs an extended argument."""
    return any(
        before.opname == "EXTENDED_ARG" and "JUMP_BACKWARD" in after.opname
        for before, after in pairwise(dis.get_instructions(function))
    )


def instrument() -> tuple[int, list[str]]:
    """Instrument the codec; return how many functions were, and which were left as they are.

    With atheris 2.3.0 on Python 3.11 functions with such a long jump back were seen to go on with
    wrong local variables. An instrumented one could report faults that are none and hide true
    ones, so it gets its own code back and is run without guidance.
    """
    instrumented, left = 0, []
    for module in MODULES:
        for function in functions(module):
            original = function.__code__
            atheris.instrument_func(function)
            if has_long_jump_back(function):
                function.__code__ = original
                left.append(function.__qualname__)
            else:
                instrumented += 1
    return instrumented, left


def recorded() -> list[int]:
    """Read every recording, both ways, and return how many messages each held."""
    captures = [load(name) for name in NAMES]
    return [read_everything(each.requests, 97) for each in captures] + [
        read_everything(each.replies, 97) for each in captures
    ]


def main() -> None:
    """Fuzz; exit with an error at the first stream that is not answered as it must be."""
    before = recorded()
    instrumented, left = instrument()
    # Without this a fault of the instrumentation would pass for a result about our code.
    if recorded() != before or not all(before):
        sys.exit("the instrumented decoder reads the recordings differently: results are void")
    sys.stderr.write(f"instrumented {instrumented} functions, left {left}\n")
    tracemalloc.start()
    atheris.Setup(sys.argv, lambda data: measure(data, 1 + len(data) // 3))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
