"""Hold the consoles of one board in a process of its own, so that an agent may die without loss.

The keeper opens the ports, reads them into rings that the agent looks at (``ring.py``), and opens
them again when they have vanished. It outlives an agent that was killed by ``grace`` seconds; one
that comes back within them finds every byte. Each port has a thread that reads, each connection of
the agent one that does what it asks, so that a port that takes no bytes holds up nobody else.

It loads the standard library and the openers alone, started by ``keeping`` as ``main(folder)`` with
what it has to keep on standard input.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.dryad.tools.kinds.console import ConsolePort
from boruta_farm.model.console import ConsoleEvent

SOCKET: Final = "keeper.sock"
READY: Final = b"ready\n"
MESSAGE: Final = 64 * 1024
MOST: Final = 256
"""Connections at a time."""

PACE: Final = 0.01
"""Seconds for which bytes gather after others were read: less work, and 100 MB/s do no harm."""

AT_ONCE: Final = 16
"""Reads at most between two pauses: a terminal gives 4 KiB each."""

FULL: Final = 4095
"""Bytes that a terminal gives at once when it has more."""

LOOK: Final = 1.0
"""Seconds that a thread waits at a silent port before it begins to wait anew."""

AGAIN: Final = 0.25
"""Seconds until a port that has vanished is opened again; doubled each time it fails."""

AGAIN_MOST: Final = 5.0
STEADY: Final = 10.0
"""Seconds that a port has to last for its next loss to count as the first."""

DRAINED: Final = 64
"""Reads at most that take what a port still holds when a job is cut off."""


class KeptPort:
    """Keep one console."""

    def __init__(self, name: str, opener: str, options: Mapping[str, object]) -> None:
        self.ring = Ring.make(name)
        self.news = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._opener = opener
        self._options = options
        self._port: ConsolePort | None = None
        self._taking = threading.Lock()
        self._sending = threading.Lock()
        self.ring.trouble = "it is being opened"

    def keep(self) -> None:
        """Read the port for ever; open it whenever it is not."""
        pause = AGAIN
        while True:
            try:
                port = self._open()
            except Exception as error:  # noqa: BLE001 - an opener may be a foreign package's
                self._lose(_words(error))
            else:
                began = time.monotonic()
                self._read(port)
                pause = AGAIN if time.monotonic() - began > STEADY else pause
            time.sleep(pause)
            pause = min(pause * 2, AGAIN_MOST)

    def write(self, data: bytes) -> None:
        """Send bytes. Raises OSError."""
        with self._sending:
            self._opened().write(data)

    def send_break(self) -> None:
        """Send a break. Raises OSError, NotImplementedError."""
        with self._sending:
            self._opened().send_break()

    def cut(self) -> None:
        """Take what the port still holds, then let no session read what has come until now."""
        with self._taking:
            for _ in range(DRAINED):
                if self._port is None or not _readable(self._port, 0):
                    break
                if not self._take(self._port):
                    break
            self.ring.cut()

    def close(self) -> None:
        """Close the port; what was started for it is ended."""
        if self._port is not None:
            self._port.close()

    def _open(self) -> ConsolePort:
        module, _, name = self._opener.partition(":")
        port: ConsolePort = getattr(importlib.import_module(module), name)(**self._options)
        with self._taking:
            self._port = port
            if self.ring.end or self.ring.trouble:
                self.ring.tell(ConsoleEvent.BACK, _now())
            self.ring.trouble = ""
            os.eventfd_write(self.news, 1)
        return port

    def _read(self, port: ConsolePort) -> None:
        """Read until the port has vanished."""
        try:
            while True:
                with self._taking:
                    for _ in range(AT_ONCE):
                        # Less than a terminal holds was all there was: not worth a second look.
                        if self._take(port) < FULL:
                            break
                time.sleep(PACE)
                while not _readable(port, LOOK):
                    pass
        except Exception as error:  # noqa: BLE001 - a port may be a foreign package's
            with self._taking, self._sending:
                self._port = None
                port.close()
            self._lose(_words(error))

    def _take(self, port: ConsolePort) -> int:
        data = port.read()
        if data:
            self.ring.append(data, _now())
            os.eventfd_write(self.news, 1)
        return len(data)

    def _lose(self, words: str) -> None:
        with self._taking:
            if not self.ring.trouble:
                self.ring.tell(ConsoleEvent.VANISHED, _now())
            if self.ring.trouble != words:
                self.ring.trouble = words
                os.eventfd_write(self.news, 1)

    def _opened(self) -> ConsolePort:
        if self._port is None:
            raise OSError(f"the port is not open: {self.ring.trouble}")
        return self._port


class PortKeeper:
    """Serve agents, each of which may have many connections."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._fingerprint = told["fingerprint"]
        self._grace = float(told["grace"])
        self._ports = {
            name: KeptPort(name, place["opener"], place["options"])
            for name, place in told["ports"].items()
        }
        self._connections = 0
        self._counting = threading.Lock()
        self._alone_since = time.monotonic()

    def serve(self, listener: socket.socket) -> None:
        """Serve until no agent has been there for the grace, or one says that it is over."""
        for port in self._ports.values():
            threading.Thread(target=port.keep, daemon=True).start()
        listener.settimeout(LOOK)
        while self._connections or time.monotonic() - self._alone_since < self._grace:
            try:
                connection = listener.accept()[0]
            except TimeoutError:
                continue
            with self._counting:
                self._connections += 1
            if self._connections > MOST:
                self._leave(connection)
            else:
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Let go of all ports."""
        for port in self._ports.values():
            with contextlib.suppress(Exception):
                port.close()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        try:
            while message := connection.recv(MESSAGE):
                head, _, data = message.partition(b"\n")
                answer, files = self._do(json.loads(head), data)
                socket.send_fds(connection, [json.dumps(answer).encode()], files)
        except (OSError, ValueError):
            return
        finally:
            self._leave(connection)

    def _leave(self, connection: socket.socket) -> None:
        connection.close()
        with self._counting:
            self._connections -= 1
            self._alone_since = time.monotonic()

    def _do(self, asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[int]]:
        if asked["do"] == "hello":
            return {"fingerprint": self._fingerprint}, []
        if asked["do"] == "quit":
            self.close()
            os._exit(0)
        port = self._ports[asked["name"]]
        try:
            match asked["do"]:
                case "attach":
                    return {}, [port.ring.file, port.news]
                case "write":
                    port.write(data)
                case "break":
                    port.send_break()
                case "cut":
                    port.cut()
        except Exception as error:  # noqa: BLE001 - a port may be a foreign package's
            return {"error": _words(error)}, []
        return {}, []


def _readable(port: ConsolePort, wait: float) -> bool:
    return bool(select.select((port.fileno(),), (), (), wait)[0])


def _now() -> int:
    return time.time_ns() // 1000


def _words(error: Exception) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(told)


def main(folder: str) -> None:
    """Keep the consoles that standard input names until nobody needs them any more."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    told = json.load(sys.stdin)
    if os.fork():
        # Nobody's child: an agent has neither to wait for it nor to warn of it.
        os._exit(0)
    os.umask(0o077)
    # The path of a socket is limited to 107 bytes: the name is bound from within the folder.
    os.chdir(folder)
    Path(SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(SOCKET)
    listener.listen(MOST)
    os.chdir("/")
    os.write(1, READY)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    keeper = PortKeeper(told)
    try:
        keeper.serve(listener)
    finally:
        keeper.close()
        os._exit(0)
