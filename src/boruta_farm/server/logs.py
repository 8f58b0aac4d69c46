"""The server's log: one line per fact, for people or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from boruta_farm.thinning import LEFT_OUT, Thinning, told

FACTS = ("request", "worker", "epoch", "state", "kind", "account", "group", "token")
"""Fields that a line may carry besides its message."""


def configure(log_format: str, level: str) -> None:
    """Send every log line of this process to standard error in the wanted form."""
    # What no line shows need not be found out for each; half of a line's cost was that.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that logging's own documentation tells
    root = logging.getLogger()
    root.handlers[:] = [writer(log_format, sys.stderr)]
    root.setLevel(level.upper())
    for chatty in ("httpx", "asyncssh", "uvicorn.access", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def writer(log_format: str, stream: TextIO) -> logging.Handler:
    """Return what writes lines to a stream in the wanted form, and no more than so many."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(Thinning())
    handler.setFormatter(JsonFormatter() if log_format == "json" else HumanFormatter())
    return handler


def one_line(text: str) -> str:
    """Return the text with control characters escaped, so that no one can forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class HumanFormatter(logging.Formatter):
    """Write time, level, message and facts on one line, a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        found = record.__dict__
        facts = "".join(
            [
                f" {name}={one_line(str(found[name]))}"
                for name in FACTS
                if found.get(name) is not None
            ]
        )
        line = (
            f"{moment} {record.levelname:<7} {one_line(record.getMessage())}{facts}{told(record)}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """Write one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if left_out := getattr(record, LEFT_OUT, 0):
            fields[LEFT_OUT] = left_out
        for name in FACTS:
            value = getattr(record, name, None)
            if value is not None:
                fields[name] = value
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)
