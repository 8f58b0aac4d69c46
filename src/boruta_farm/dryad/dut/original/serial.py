"""The device commanded at its console, where it has no SSH server: log in, run, read the status.

What is echoed must not be taken for what was answered: marks are typed in two words, and printed as
one. Bytes travel as base64, which the device's shell needs for copies.
"""

import base64
import secrets
import sys
import time
from collections.abc import Iterator
from typing import IO, Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, answer
from boruta_farm.dryad.dut.expecting import Expectation, PatternMatch
from boruta_farm.dryad.dut.frames import DATA, NOTE, RESULT, Status, unpack_words

LOGIN: Final = r"(login|[Uu]sername): *$"
PASSWORD: Final = r"[Pp]assword: *$"
PROMPT: Final = r"[#$>] *(\x1b\[6n)?$"
"""Some shells ask the terminal behind it where the cursor is."""

REFUSED: Final = r"[Ii]ncorrect"
ANSWERS_WITHIN: Final = 15.0
LONGEST_LINE: Final = 4000
"""Bytes that a terminal's line can hold, nearly."""

PIECE: Final = 57 * 32
"""Bytes that become whole lines of base64."""


class SerialShell:
    """A shell at the console, for one command."""

    def __init__(self, console: str) -> None:
        self._conversation = DutConversation("console.attach", console, write=True, take=True)
        self._frames = self._conversation.frames()
        self._rest = b""

    def close(self) -> None:
        """Leave the console; whoever has logged in stays so."""
        self._conversation.close()

    def log_in(self, user: str, password: str) -> None:
        """Come to a prompt, whoever is logged in already. Raises DutError."""
        self._type(b"\r")
        found = self._wait(f"({LOGIN})|({PROMPT})", "a prompt")
        if not found.groups[0]:
            return
        self._type(user.encode() + b"\r")
        found = self._wait(f"({PASSWORD})|({PROMPT})", "a prompt for the password")
        if found.groups[0]:
            self._type(password.encode() + b"\r")
            found = self._wait(f"({REFUSED})|({PROMPT})", "a prompt")
            if found.groups[0]:
                raise DutError(Status.FAILED, f"the device lets {user} not in: wrong password")

    def perform(self, script: str, source: IO[bytes] | None, output: IO[bytes] | None) -> int:
        """Run a script and return its status; ``output`` gets what it says, else our output does.

        What it is to read, or write into ``output``, travels as base64. Raises DutError.
        """
        mark = secrets.token_hex(6)
        run = f"( {script} )"
        run = f"{run} </dev/null" if source is None else f"base64 -d <<'{mark}' | {run}"
        run = run if output is None else f"{run} | base64"
        begin, end = f"printf '%s%s\\n' BEGIN- {mark}", f"printf '\\n%s%s %d\\n' END- {mark} $?"
        line = f"{begin}; {run}; {end}".encode()
        if len(line) > LONGEST_LINE:
            raise DutError(Status.FAILED, f"a command of {len(line)} bytes is too long for a line")
        self._type(line + b"\r")
        if source is not None:
            while data := source.read(PIECE):
                self._type(base64.encodebytes(data).replace(b"\n", b"\r"))
            self._type(mark.encode() + b"\r")
        limit = ANSWERS_WITHIN if source is None else None
        self._wait(f"BEGIN-{mark}\r?\n", "the command to begin", limit)
        said = bytearray()
        wanted = Expectation(f"\r?\nEND-{mark} ([0-9]+)\r?\n")
        self._conversation.unlimit()
        for data in self._stream():
            said += data
            if (found := wanted.feed(data)) is not None:
                _give(bytes(said[: said.rindex(found.text)]).replace(b"\r\n", b"\n"), output)
                return int(found.groups[0] or b"1")
        raise DutError(Status.FAILED, "the console ended")

    def _type(self, data: bytes) -> None:
        self._conversation.send(data)

    def _wait(self, pattern: str, what: str, limit: float | None = ANSWERS_WITHIN) -> PatternMatch:
        """Wait for a text, and keep what comes behind it. Raises DutError."""
        expected = Expectation(pattern)
        if limit is not None:
            self._conversation.limit(time.monotonic() + limit)
        try:
            for data in self._stream():
                found = expected.feed(data)
                if found is not None:
                    self._rest = data[len(data) - found.unread :] if found.unread else b""
                    return found
        except TimeoutError:
            raise DutError(
                Status.FAILED, f"waited {limit:g} s in vain for {what} on the device's console"
            ) from None
        raise DutError(Status.FAILED, "the console ended")

    def _stream(self) -> Iterator[bytes]:
        if self._rest:
            rest, self._rest = self._rest, b""
            yield rest
        for letter, data in self._frames:
            if letter == DATA:
                yield data
            elif letter == NOTE and "unsent" in (words := unpack_words(data)):
                raise DutError(Status.FAILED, f"the console takes nothing: {words.get('why')}")
            elif letter == RESULT:
                answer(unpack_words(data))


def _give(text: bytes, output: IO[bytes] | None) -> None:
    if output is None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return
    try:
        output.write(base64.b64decode(b"".join(text.split()), validate=True))
    except ValueError:
        raise DutError(Status.FAILED, "the device sent no base64; has it that program?") from None
