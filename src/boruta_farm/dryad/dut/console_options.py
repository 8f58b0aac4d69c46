"""The options of ``dut console`` and ``dut boot``."""

import re
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.words import one_name, seconds

USUAL_TIMEOUT: Final = 60.0
SWITCHES: Final = ("--log", "--times", "--take", "--break")
VALUES: Final = ("--expect", "--timeout", "--send", "--since", "--power")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """Say what is wanted of a console; ``text`` is what to send, ``-`` for standard input."""

    name: str
    log: bool
    times: bool
    take: bool
    breaks: bool
    pattern: str | None
    timeout: float
    text: str | None
    since: int | str | None
    power: str


def read_options(verb: str, words: list[str]) -> ConsoleOptions:
    """Return what was written. Raises UsageError."""
    names: list[str] = []
    switches: set[str] = set()
    values: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.partition("=")
        if word in SWITCHES:
            switches.add(word)
        elif key in VALUES:
            if not equals and not rest:
                raise UsageError(f"{key} of what? write {key} and a value")
            values[key] = value if equals else rest.pop(0)
        elif word.startswith("--"):
            raise UsageError(f"{verb} knows no {word!r}; it knows {', '.join(SWITCHES + VALUES)}")
        else:
            names.append(word)
    timeout = seconds(values.get("--timeout", f"{USUAL_TIMEOUT:g}"))
    if timeout is None:
        raise UsageError(f"{values['--timeout']!r} is no time; write 60s or 2m")
    pattern = values.get("--expect")
    try:
        re.compile((pattern or "").encode(errors="surrogateescape"))
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from None
    text = values.get("--send")
    return ConsoleOptions(
        name=one_name(names),
        log="--log" in switches,
        times="--times" in switches,
        take="--take" in switches,
        breaks="--break" in switches,
        pattern=pattern,
        timeout=timeout,
        text=text if text is None or text == "-" else unescape(text),
        since=_since(values.get("--since")),
        power=values.get("--power", ""),
    )


def unescape(text: str) -> str:
    r"""Return a text with ``\r``, ``\n``, ``\t``, ``\e``, ``\xHH``, ``\\`` as what they mean."""
    known = {"r": "\r", "n": "\n", "t": "\t", "e": "\x1b", "\\": "\\"}

    def one(found: re.Match[str]) -> str:
        if found[2]:
            return bytes((int(found[2], 16),)).decode(errors="surrogateescape")
        return known.get(found[1], found[0])

    return re.sub(r"\\(x([0-9a-fA-F]{2})|.)", one, text)


def _since(word: str | None) -> int | str | None:
    if word is None or word in ("start", "now"):
        return word
    if not word.isdecimal() or len(word) > 18:
        raise UsageError(f"{word!r}: --since takes start, now, or a position that --json told")
    return int(word)
