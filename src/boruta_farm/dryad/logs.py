"""The agent's log: one line per fact, with the board's UUID."""

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from boruta_farm.thinning import Thinning, told

QUIET = ("asyncio", "asyncssh", "websockets")
"""Libraries whose chatter is nobody's business; one logs users' command lines."""


class LineFormatter(logging.Formatter):
    """Write time, level, board and message on one line, a traceback below.

    What others sent may be part of a message: it cannot begin a line of its own.
    """

    def __init__(self, uuid: str) -> None:
        super().__init__()
        self._board = f" {uuid}" if uuid else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = f"{moment} {record.levelname:<7}{self._board} {one_line(record.getMessage())}"
        line += told(record)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(level: str, uuid: str = "") -> None:
    """Send every log line of this process to standard error."""
    root = logging.getLogger()
    root.handlers[:] = [writer(uuid, sys.stderr)]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def writer(uuid: str, stream: TextIO) -> logging.Handler:
    """Return what writes lines to a stream, and no more than so many."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(Thinning())
    handler.setFormatter(LineFormatter(uuid))
    return handler


def one_line(text: str) -> str:
    """Return the text with every character that is not visible written as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
