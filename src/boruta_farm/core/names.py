"""Names that people choose: short, and the same in every log, table and address."""

import re

from boruta_farm.model.errors import AccountError, WorkerNameError
from boruta_farm.model.spelling import folded
from boruta_farm.selectors.want import ANY, request_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LONGEST_TEXT = 200
LONGEST_WORKER_NAME = 64

_AROUND_UUID = re.compile(r"^urn:uuid:|[{}-]")
_DIGITS_OF_UUID = re.compile(r"[0-9a-f]{32}")


def check_name(name: str, what: str) -> None:
    """Raise AccountError unless the name may stand for an account or a group."""
    if not NAME.fullmatch(name):
        raise AccountError(
            f"{name[:80]!r} cannot be the name of {what}: it takes 1 to 64 letters, digits and "
            "the signs . _ @ -, and begins with a letter or digit"
        )


def check_line(text: str, what: str) -> None:
    """Raise AccountError unless the text is one visible line of at most 200 characters."""
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise AccountError(f"{what} must be one line of at most {LONGEST_TEXT} visible characters")


def check_worker_name(name: str, uuid: str) -> None:
    """Raise WorkerNameError unless the name may stand for the worker of this UUID.

    No name looks like the UUID of another, however that is written, or means something else where
    a board is named in one word.
    """
    short = 0 < len(name) <= LONGEST_WORKER_NAME
    if not short or not name.isprintable() or name != name.strip():
        raise WorkerNameError
    digits = _AROUND_UUID.sub("", folded(name))
    if _DIGITS_OF_UUID.fullmatch(digits) and digits != _AROUND_UUID.sub("", folded(uuid)):
        raise WorkerNameError(f"{name} is a UUID, and could be another board's; choose a name")
    request = request_of(name)
    if request is not None or folded(name) == ANY:
        meant = "any board" if request is None else f"request {request}"
        raise WorkerNameError(f"{name} means {meant} where a board is named; choose another name")
