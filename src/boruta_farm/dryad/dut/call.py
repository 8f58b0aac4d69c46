"""Call the agent from within a session."""

import contextlib
import os
import pwd
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from boruta_farm.dryad.dut.frames import (
    CALL,
    DATA,
    END,
    HEAD,
    LONGEST,
    RESULT,
    VERSION,
    DutFrameError,
    Status,
    pack,
    pack_words,
    unpack_head,
    unpack_words,
)

VARIABLE: Final = "BORUTA_DUT"
"""Names the socket where it is not at the usual place."""

FOLDER: Final = "/run/boruta/dut"


class DutError(Exception):
    """What went wrong, with the exit status that tells it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class UsageError(DutError):
    """What was asked cannot be understood."""

    def __init__(self, words: str) -> None:
        super().__init__(Status.USAGE, f"{words}; see: dut --help")


def socket_path() -> str:
    """Return where the agent's socket for this session is."""
    if path := os.environ.get(VARIABLE):
        return path
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return f"{FOLDER}/{name}.sock"


class DutConversation:
    """One call: asked, then carried on until its result comes.

    ``file`` is an open file that the act is to read or write itself, so that its bytes need not
    pass through the agent.
    """

    def __init__(
        self,
        act: str,
        tool: str = "",
        *,
        at: object = None,
        file: int = -1,
        **arguments: object,
    ) -> None:
        """Call at the session's socket, or ``at`` another path."""
        self._socket = _connect(str(at) if at else socket_path())
        self._stream: BinaryIO = self._socket.makefile("rb")
        asked = {"dut": VERSION, "act": act, "tool": tool, "arguments": arguments}
        call = pack_words(CALL, asked)
        if file >= 0:
            call = call[socket.send_fds(self._socket, [call], [file]) :]
        self._send(call)

    def send(self, data: bytes) -> None:
        """Send bytes to the act."""
        for start in range(0, len(data), LONGEST):
            self._send(pack(DATA, data[start : start + LONGEST]))

    def end(self) -> None:
        """Tell that no more bytes come."""
        self._send(pack(END))

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield data and notes as they come, last the result. Raises DutError."""
        letter = b""
        while letter != RESULT:
            letter, length = self._head()
            yield letter, self._take(length)

    def finish(self, output: BinaryIO | None = None) -> dict[str, Any]:
        """Write what comes to ``output`` and return the answer. Raises DutError if it failed."""
        data = b""
        try:
            for letter, data in self.frames():
                if letter == DATA and output is not None:
                    output.write(data)
                    output.flush()
        finally:
            self.close()
        return answer(unpack_words(data))

    def limit(self, until: float) -> None:
        """Have ``frames`` raise TimeoutError at a moment of the steady clock, or at once."""
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def unlimit(self) -> None:
        """Let ``frames`` wait for as long as it takes again."""
        self._socket.settimeout(None)

    def hang_up(self) -> None:
        """End the call from another thread than the one that reads it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection; an act that streams ends with it."""
        self._stream.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            # The agent has ended the call; its result, which is still there, tells why.
            return

    def _head(self) -> tuple[bytes, int]:
        try:
            return unpack_head(self._take(HEAD))
        except DutFrameError as error:
            raise DutError(Status.UNREACHABLE, f"the agent cannot be understood: {error}") from None

    def _take(self, length: int) -> bytes:
        try:
            data = self._stream.read(length)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if len(data) < length:
            raise _lost()
        return data


def ask(act: str, tool: str = "", *, at: object = None, **arguments: object) -> dict[str, Any]:
    """Call for an act that streams nothing and return its answer. Raises DutError."""
    return DutConversation(act, tool, at=at, file=-1, **arguments).finish()


def answer(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says. Raises DutError when it tells of a failure."""
    if result.get("error"):
        raise DutError(int(result.get("status", Status.FAILED)), printable(str(result["error"])))
    return dict(result)


def printable(text: str) -> str:
    """Return a text that cannot steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def binary_output() -> BinaryIO:
    """Return standard output for bytes."""
    return sys.stdout.buffer


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = -1
    try:
        # The path of a socket is limited to 107 bytes: go through a descriptor of the folder.
        above, _, name = path.rpartition("/")
        folder = os.open(above or ".", os.O_PATH | os.O_DIRECTORY)
        connection.connect(f"/proc/self/fd/{folder}/{name}")
    except OSError as error:
        connection.close()
        if isinstance(error, FileNotFoundError):
            words = (
                "there is nothing to operate here: this board has no tools, or this is no session "
                f"on one ({path} is not there)"
            )
        else:
            words = (
                f"the agent does not answer at {path}: {error.strerror}; ask who keeps the board"
            )
        raise DutError(Status.UNREACHABLE, words) from None
    finally:
        if folder >= 0:
            os.close(folder)
    return connection


def _lost() -> DutError:
    return DutError(
        Status.UNREACHABLE, "the agent ended the call without a word; has the job ended?"
    )
