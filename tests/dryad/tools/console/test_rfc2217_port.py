"""RFC 2217 against pyserial's own other end, and against peers that speak nothing of the kind."""

import contextlib
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Iterator
from typing import Any, cast

import pytest
import serial
import serial.rfc2217

from boruta_farm.dryad.tools.console import rfc2217_port
from boruta_farm.dryad.tools.console.rfc2217_port import Rfc2217Port, Telnet, open_rfc2217
from boruta_farm.dryad.tools.kinds.console import ConsolePort


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def connect(listener: socket.socket) -> Rfc2217Port:
    host, port = listener.getsockname()
    return open_rfc2217(host, port, 9600, 8, "none", 2, "none")


def read(port: ConsolePort, count: int) -> bytes:
    data = port.read()
    while len(data) < count and select.select([port.fileno()], [], [], 5)[0]:
        data += port.read()
    return data


class FarEnd(threading.Thread):
    """Serve one serial line as ser2net does, by pyserial's own part for that."""

    def __init__(self, listener: socket.socket, line: serial.Serial) -> None:
        super().__init__(daemon=True)
        self._listener = listener
        self._line = line
        self._connection: socket.socket | None = None

    def write(self, data: bytes) -> None:
        """Take what PortManager sends."""
        assert self._connection is not None
        self._connection.sendall(data)

    def run(self) -> None:
        self._connection, _ = self._listener.accept()
        with self._connection, contextlib.suppress(ConnectionError):
            self._serve(self._connection)

    def _serve(self, connection: socket.socket) -> None:
        manager: Any = serial.rfc2217.PortManager(cast("Any", self._line), cast("Any", self))
        while True:
            line, far = self._line.fileno(), connection.fileno()
            ready, _, _ = select.select([far, line], [], [])
            if far in ready:
                data = connection.recv(4096)
                if not data:
                    return
                self._line.write(b"".join(manager.filter(data)))
            if line in ready:
                data = os.read(line, 4096)
                connection.sendall(b"".join(manager.escape(data)))


def test_a_line_of_another_machine_is_set_read_and_written(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfc2217_port, "BREAK", 0.01)
    device, end = pty.openpty()
    tty.setraw(end)
    breaks: list[bool] = []

    class Line(serial.Serial):
        """A serial line with what a pseudo terminal cannot have."""

        cts = dsr = ri = cd = False

        @property
        def break_condition(self) -> bool:
            return False

        @break_condition.setter
        def break_condition(self, value: bool) -> None:
            breaks.append(value)

    line = Line(os.ttyname(end), 115200, timeout=0)
    far = FarEnd(listener, line)
    far.start()
    port = connect(listener)
    every = bytes(range(256)) * 4
    os.write(device, every)
    assert read(port, len(every)) == every
    port.write(every)
    heard = b""
    while len(heard) < len(every):
        heard += os.read(device, 4096)
    assert heard == every
    assert (line.baudrate, line.parity, line.stopbits) == (9600, "N", 2)
    port.send_break()
    port.write(b"!")
    assert os.read(device, 1) == b"!"
    assert breaks == [True, False]
    port.close()
    far.join(5)
    line.close()
    os.close(device)
    os.close(end)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"\xff\xfe\x2c"])
def test_who_speaks_something_else_is_refused(
    listener: socket.socket, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfc2217_port, "AGREED_WITHIN", 0.1)

    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.sendall(answer)
            while connection.recv(4096):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(OSError, match="speaks no RFC 2217"):
        connect(listener)
    thread.join(5)


def test_commands_in_pieces_are_understood_and_endless_ones_refused() -> None:
    stream = b"a\xff\xffb\xff\xfb\x2cc\xff\xfa\x2c\x65\xff\xff\xf0\xff\xf0d\xff\xf1e"
    for size in range(1, len(stream)):
        telnet = Telnet()
        plain = b"".join(
            telnet.feed(stream[start : start + size]) for start in range(0, len(stream), size)
        )
        assert plain == b"a\xffbcde"
        assert telnet.agreed
        assert bytes(telnet.answer) == b"\xff\xfd\x2c"
    with pytest.raises(OSError, match="not RFC 2217"):
        Telnet().feed(b"\xff\xfa" + b"x" * 2000)
