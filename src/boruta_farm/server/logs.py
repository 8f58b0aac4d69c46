"""The server's log: one line per fact, for people or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

FACTS = ("request", "worker", "epoch", "state", "kind")
"""Fields that a line may carry besides its message."""


def configure(log_format: str, level: str) -> None:
    """Send every log line of this process to standard error in the wanted form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else HumanFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "asyncssh", "uvicorn.access", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def one_line(text: str) -> str:
    """Return the text with control characters escaped, so that no one can forge a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class HumanFormatter(logging.Formatter):
    """Write time, level, message and facts on one line, a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = "".join(
            f" {name}={one_line(str(getattr(record, name)))}"
            for name in FACTS
            if getattr(record, name, None) is not None
        )
        line = f"{moment} {record.levelname:<7} {one_line(record.getMessage())}{facts}"
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
        for name in FACTS:
            value = getattr(record, name, None)
            if value is not None:
                fields[name] = value
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
