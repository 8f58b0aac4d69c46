"""What a console said, for people: times before lines, and what became of its port."""

import io
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
