"""What is written with two dashes after a verb."""

from collections.abc import Collection, Sequence

from boruta_farm.dryad.dut.call import UsageError


def options(
    words: Sequence[str], switches: Collection[str], values: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Return the plain words, and the options with their values; those of switches are empty.

    Raises UsageError for others. What comes after ``--`` is plain.
    """
    plain: list[str] = []
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            plain += rest
        elif not word.startswith("--"):
            plain.append(word)
        elif name in switches and not equals:
            found[name] = ""
        elif name in values:
            given = value if equals else next(rest, None)
            if given is None:
                raise UsageError(f"{name} needs a value")
            found[name] = given
        else:
            known = ", ".join(sorted((*switches, *values)))
            raise UsageError(f"there is no option {word}; known are {known}")
    return plain, found
