"""A log that nobody can fill: lines of one kind are thinned out when they come in crowds."""

import logging
import threading

from boruta_farm.clock import Clock, SystemClock
from boruta_farm.model.errors import TooManyCallsError
from boruta_farm.rate import Rate

AT_ONCE = 200
"""Lines of one kind that may come at once: more than a farm's boards cause when all come back."""
PER_SECOND = 0.2
"""Lines of one kind in the long run: 17,000 a day, a few MB."""
OURS = "boruta_farm"
FACTS = "boruta_farm.chronicle"
"""What was committed: told whole, and bounded by what the farm lets anybody change."""

LEFT_OUT = "left_out"
"""The field of a record that tells how many like it were not written before it."""
LAST = "last_for_now"
"""The field that is true of a record after which more like it are only counted."""


class Thinning(logging.Filter):
    """Let a kind of line through 200 times at once and every 5 s, and count the rest.

    Most lines can be caused by somebody: a stranger who connects, a session that calls ``dut``, a
    board that answers rubbish. Each kind (the text before its arguments are put in; of a library
    all its lines) has a rate of its own, so whoever causes one hides no other. The first line after
    some were left out tells how many, by ``told``. What is only asked for while looking for a fault
    (DEBUG) and the farm's own facts are let through.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._rate = Rate(clock or SystemClock(), PER_SECOND, "one kind of line", AT_ONCE)
        self._left_out: dict[str, int] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is written."""
        if record.levelno <= logging.DEBUG or record.name == FACTS:
            return True
        kind = record.name
        if kind.partition(".")[0] == OURS:
            kind = f"{kind} {record.msg}"
        with self._lock:
            try:
                left = self._rate.take(kind)
            except TooManyCallsError:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return False
            record.__dict__[LEFT_OUT] = self._left_out.pop(kind, 0)
            record.__dict__[LAST] = left < 1
        return True


def told(record: logging.LogRecord) -> str:
    """Return what is said behind a line about others like it, mostly nothing."""
    left_out = getattr(record, LEFT_OUT, 0)
    words = f" ({left_out} more like this were left out)" if left_out else ""
    if getattr(record, LAST, False) and not left_out:
        words = " (more like this are counted, and shown now and then)"
    return words


class ToldFormatter(logging.Formatter):
    """Write a line in a given form, and behind it what is said about others like it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line without traceback."""
        return super().formatMessage(record) + told(record)


def configure(level: int, form: str, handler: logging.Handler | None = None) -> None:
    """Send every log line of a small process to standard error, or elsewhere, thinned out."""
    handler = handler or logging.StreamHandler()
    handler.addFilter(Thinning())
    handler.setFormatter(ToldFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])
