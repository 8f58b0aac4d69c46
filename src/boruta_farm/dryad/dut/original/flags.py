"""Options as Go's programs take them: one dash or two, ``-name value`` or ``-name=value``."""

from collections.abc import Collection, Sequence

from boruta_farm.dryad.dut.call import DutError
from boruta_farm.dryad.dut.frames import Status

YES = ("1", "t", "true")


def read_flags(
    words: Sequence[str], switches: Collection[str], values: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Return the plain words and the options; the first plain word ends the options, as in Go.

    Raises DutError with the status of wrong usage.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name in switches:
            if not equals or value.lower() in YES:
                found[name] = ""
        elif name not in values:
            raise DutError(Status.USAGE, f"flag provided but not defined: -{name}")
        elif equals:
            found[name] = value
        elif rest:
            found[name] = rest.pop(0)
        else:
            raise DutError(Status.USAGE, f"flag needs an argument: -{name}")
    return rest, found
