"""A terminal of one's own with the command in it: what is typed, what is seen."""

import os
import pty
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from tests.cli.stage import WITH_TERMINAL

PATIENCE = 25.0


class Screen:
    """The command at a terminal, read from the other end."""

    def __init__(self, process: "subprocess.Popen[bytes]", ours: int) -> None:
        self.process = process
        self.shown = ""
        self._ours = ours
        self._seen = 0

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def until(self, text: str, within: float = PATIENCE) -> None:
        """Return once a text has come behind what was waited for last."""
        end = time.monotonic() + within
        while (place := self.shown.find(text, self._seen)) < 0:
            over = self.process.poll() is not None
            assert not over, f"it ended with {self.process.returncode}: {self.shown!r}"
            self._read(end, text)
        self._seen = place + len(text)

    def status(self) -> int:
        """Return the exit status of the command, which ends by itself."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self._read(end, "the end")
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._ours)
        self._ours = -1

    def _read(self, end: float, wanted: str) -> None:
        if self._ours < 0:
            self.process.wait(max(0.0, end - time.monotonic()))
            return
        ready, _, _ = select.select([self._ours], [], [], 0.1)
        if ready:
            try:
                self.shown += os.read(self._ours, 65536).decode(errors="replace")
            except OSError:
                # The other end is closed; the process is about to be gone.
                self.process.wait(max(0.0, end - time.monotonic()))
                return
        assert time.monotonic() < end, f"no {wanted!r} in {self.shown!r}"

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)


@contextmanager
def at_screen(
    environment: Mapping[str, str], *arguments: str, within: Sequence[str] = ()
) -> Iterator[Screen]:
    """Run the command at a terminal until the block ends, started by the words ``within``."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*within, sys.executable, "-c", WITH_TERMINAL, *arguments],
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = Screen(process, ours)
    try:
        yield screen
    finally:
        screen.close()


class Wire:
    """A way to a port that can be cut, and then leads nowhere until it is joined."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.up = True
        self.refused = threading.Event()
        threading.Thread(target=self._serve, name="wire", daemon=True).start()

    def cut(self, *, stays: bool = False) -> None:
        """Break what is open; with ``stays`` nothing comes through from now on."""
        self.up = not stays
        for one in self._open:
            # As a router that forgot the connection would: by a reset.
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listening.close()
        self.cut(stays=True)

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self.up:
                near.close()
                self.refused.set()
                continue
            far = socket.create_connection(self._target)
            self._open += [near, far]
            threading.Thread(target=_carry, args=(near, far), daemon=True).start()


def _carry(near: socket.socket, far: socket.socket) -> None:
    """Carry what comes from either side to the other until one of them has no more."""
    others = {near: far, far: near}
    with near, far, suppress(OSError):
        while True:
            for source in select.select([near, far], [], [])[0]:
                piece = source.recv(65536)
                if not piece:
                    return
                others[source].sendall(piece)
