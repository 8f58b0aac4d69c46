"""Functions instrumented for atheris, as far as that leaves them what they are."""

import dis
import inspect
from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import FunctionType, ModuleType

import atheris


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


def instrument(modules: Iterable[ModuleType]) -> tuple[int, list[str]]:
    """Instrument modules; return how many functions were, and which were left as they are.

    With atheris 2.3.0 on Python 3.11 functions with such a long jump back were seen to go on with
    wrong local variables. An instrumented one could report faults that are none and hide true
    ones, so it gets its own code back and is run without guidance.
    """
    instrumented, left = 0, []
    for module in modules:
        for function in functions(module):
            original = function.__code__
            atheris.instrument_func(function)
            if has_long_jump_back(function):
                function.__code__ = original
                left.append(function.__qualname__)
            else:
                instrumented += 1
    return instrumented, left
