"""What the agent tells beside a console's bytes, in words for people."""

import sys
from collections.abc import Iterator
from typing import Any

from boruta_farm.dryad.dut.call import printable


def tell(words: dict[str, Any]) -> None:
    """Say a note to people, on standard error."""
    for line in note_lines(words):
        print(f"dut: {line}", file=sys.stderr)


def note_lines(words: dict[str, Any]) -> Iterator[str]:
    """Yield what a note says, in words that cannot steer a terminal."""
    if dropped := words.get("dropped"):
        yield f"{int(dropped)} bytes are dropped: more came than is kept or was read"
    if "unsent" in words:
        yield f"not sent: {printable(str(words.get('why', '')))}"
    if "port" in words:
        port = printable(str(words["port"]))
        yield f"the port is gone: {port}; it is taken up again" if port else "the port is back"
    if words.get("writes") is True and "position" not in words:
        yield "you write now"
    elif words.get("writes") is False and "position" not in words:
        yield "somebody else writes now; you see what comes"
