"""What a console said, for people: with times, as a recording, and what became of its port."""

import codecs
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from boruta_farm.model.console import ConsoleEvent, ConsolePiece

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
HAPPENED: Final = {
    ConsoleEvent.VANISHED: "the port vanished",
    ConsoleEvent.BACK: "the port was opened",
}


class Stamper:
    """Put its time (UTC) before each line."""

    def __init__(self) -> None:
        self._fresh = True

    def stamp(self, piece: ConsolePiece) -> bytes:
        """Return a piece's bytes with times, or the words for an event."""
        # A board may tell any time.
        moment = BEGINNING + timedelta(microseconds=min(piece.at, 2**57))
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z ".encode()
        if piece.event is not ConsoleEvent.BYTES:
            start = b"" if self._fresh else b"\n"
            self._fresh = True
            return start + stamp + f"[{HAPPENED[piece.event]}]\n".encode()
        told = bytearray()
        for line in io.BytesIO(piece.data):
            told += stamp + line if self._fresh else line
            self._fresh = line.endswith(b"\n")
        return bytes(told)


class Asciicast:
    """Tell a console's log as a recording that players show in its own time: asciicast, version 2.

    One line of JSON for the whole, then one for each piece. Call ``end`` after the last of them.
    """

    WIDTH: Final = 80
    HEIGHT: Final = 24
    """A serial console says nothing of its shape: what terminals have always had."""

    LONGEST_REST: Final = 2.0
    """Seconds after which players go on where a console says nothing for longer."""

    def __init__(self, title: str) -> None:
        """Begin; ``title`` is what players call it."""
        self._title = title
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._began = -1
        self._last = 0.0

    def tell(self, piece: ConsolePiece) -> bytes:
        """Return the lines for a piece."""
        # A board may tell any time.
        at = min(piece.at, 2**57)
        head = self._head(at)
        # Clocks are set back now and then, a recording never is.
        self._last = max(self._last, (at - self._began) / 1_000_000)
        if piece.event is ConsoleEvent.BYTES:
            return head + self._said(self._decoder.decode(piece.data))
        return head + self._line([self._last, "m", HAPPENED[piece.event]])

    def end(self) -> bytes:
        """Return what is left: the head of one that says nothing, half a letter at the end."""
        return self._head(0) + self._said(self._decoder.decode(b"", final=True))

    def _head(self, at: int) -> bytes:
        if self._began >= 0:
            return b""
        self._began = at
        return self._line(
            {
                "version": 2,
                "width": self.WIDTH,
                "height": self.HEIGHT,
                "timestamp": at // 1_000_000,
                "idle_time_limit": self.LONGEST_REST,
                "title": self._title,
            }
        )

    def _said(self, text: str) -> bytes:
        if not text:
            return b""
        # Much of what has a serial port ends its lines by a bare line feed.
        return self._line([self._last, "o", text.replace("\r\n", "\n").replace("\n", "\r\n")])

    @staticmethod
    def _line(told: object) -> bytes:
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
