"""Names that people choose: short, and the same in every log, table and address."""

import re

from boruta_farm.model.errors import AccountError, WorkerNameError
from boruta_farm.model.spelling import UUID, folded

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LONGEST_TEXT = 200
LONGEST_WORKER_NAME = 64


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

    No name looks like the UUID of another.
    """
    short = 0 < len(name) <= LONGEST_WORKER_NAME
    if not short or not name.isprintable() or name != name.strip():
        raise WorkerNameError
    if UUID.fullmatch(name) and folded(name) != folded(uuid):
        raise WorkerNameError(f"{name} is a UUID, and could be another board's; choose a name")
