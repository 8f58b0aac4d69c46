"""What the controller says, taken apart. No input or output happens here.

A reply is any number of value lines and an ending. Between them, or in the middle of one, the
chip reports keys that somebody presses, and it may or may not repeat what it was sent: the
published firmware answers ``echo off`` politely and goes on repeating, boards in the field do
stop. Both are understood.
"""

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LONGEST_COMMAND: Final = 64
"""In characters; the chip drops the rest and carries out what is left."""

_MOST_WORDS: Final = 10
_LONGEST_LINE: Final = 1024
_MOST_LINES: Final = 256
_COMMAND: Final = re.compile(r"[!-~]+( [!-~]+)*")
_KEY: Final = re.compile(rb"pressed: [12]\r*$")
_KEY_REPORTS: Final = (b"pressed: 1\r", b"pressed: 2\r")
_PADDING: Final = "\r \t\v\f\0"
# The only value without a line end of its own.
_CARD: Final = "mux"
_CARDS: Final = ("ts", "dut", "invalid")


class Ending(StrEnum):
    """Name the last line of a reply."""

    OK = "OK"
    ERROR = "Error processing command"
    UNKNOWN = "Unknown command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold one reply: the lines before its ending, without echo and key presses."""

    ending: Ending
    values: tuple[str, ...] = ()


def is_sendable(command: str) -> bool:
    """Tell whether the chip would take the command as it stands: one line, nothing dropped."""
    return (
        len(command) <= LONGEST_COMMAND
        and _COMMAND.fullmatch(command) is not None
        and len(command.split()) <= _MOST_WORDS
    )


class ReplyParser:
    """Turn bytes, in whatever pieces they come, into the reply to one command at a time.

    Memory is bounded whatever arrives: of a line without end the beginning is dropped, of lines
    without an ending the oldest.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._interrupted = b""
        self._command = ""
        self._echo_due = False
        self._values: deque[str] = deque(maxlen=_MOST_LINES)

    def begin(self, command: str, stale: bytes = b"") -> None:
        """Wait for the reply to ``command``; what came before it is dropped.

        Of that only a report of a key survives that is not complete, so that its rest is not
        taken for a value.
        """
        last = (bytes(self._buffer) + stale).rpartition(b"\n")[2]
        is_key = any(report.startswith(last) for report in _KEY_REPORTS)
        self._buffer = bytearray(last if is_key else b"")
        self._interrupted = b""
        self._values.clear()
        self._command = command
        self._echo_due = True

    def feed(self, data: bytes) -> Reply | None:
        """Add bytes; return the reply once its ending is there."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            reply = self._take(line)
            if reply is not None:
                return reply
        del self._buffer[:-_LONGEST_LINE]
        return None

    def _take(self, line: bytes) -> Reply | None:
        text = _clean(self._interrupted + line)
        if self._echo_due and text == self._command:
            self._echo_due = False
            self._interrupted = b""
            return None
        key = _KEY.search(line)
        if key is not None:
            # The report of a key may cut a line in two; the rest follows.
            self._interrupted = (self._interrupted + line[: key.start()])[-_LONGEST_LINE:]
            return None
        self._interrupted = b""
        value, ending = self._split(text)
        if value:
            self._values.append(value)
        return None if ending is None else Reply(ending=ending, values=tuple(self._values))

    def _split(self, text: str) -> tuple[str, Ending | None]:
        for ending in Ending:
            if text == ending:
                return "", ending
            if self._command == _CARD and text.removesuffix(ending) in _CARDS:
                # Some build may end the line properly: then this is a value and nothing more.
                return text.removesuffix(ending), ending if text not in _CARDS else None
        return text, None


def _clean(line: bytes) -> str:
    return line.decode("ascii", errors="replace").strip(_PADDING)
