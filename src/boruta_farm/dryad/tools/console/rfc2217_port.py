"""A serial port behind RFC 2217: telnet with the line's settings told to the other end."""

import errno
import re
import select
import socket
import time
from typing import Final

from boruta_farm.dryad.tools.console.file_port import FilePort
from boruta_farm.dryad.tools.console.socket_port import connect

AGREED_WITHIN: Final = 5.0
BREAK: Final = 0.25

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_BINARY, _ECHO, _GO_AHEAD, _COM_PORT = 0, 1, 3, 44
_OURS: Final = frozenset({_BINARY, _GO_AHEAD, _COM_PORT})
_THEIRS: Final = frozenset({_BINARY, _ECHO, _GO_AHEAD, _COM_PORT})
_BAUD, _BITS, _PARITY, _STOP, _CONTROL = 1, 2, 3, 4, 5
_PARITIES: Final = {"none": 1, "odd": 2, "even": 3, "mark": 4, "space": 5}
_FLOWS: Final = {"none": 1, "xonxoff": 2, "rtscts": 3}
_BREAK_ON, _BREAK_OFF = 5, 6
_LONGEST_OPTION: Final = 1024
_OPTION: Final = re.compile(rb"\xff\xfa(?:[^\xff]|\xff\xff)*\xff\xf0", re.DOTALL)
"""A command with a value, in which 255 stands twice."""


class Telnet:
    """Take telnet's commands out of a stream; ``answer`` is what has to be sent for them."""

    def __init__(self) -> None:
        self.answer = bytearray()
        self.agreed = False
        self.refused = False
        self._left = b""
        self._said: set[tuple[int, int]] = set()

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that are the console's. Raises OSError for an endless command."""
        data, self._left = self._left + data, b""
        if _IAC not in data:
            return data
        plain = bytearray()
        place = 0
        while (command := data.find(_IAC, place)) >= 0:
            plain += data[place:command]
            length = self._command(data[command : command + _LONGEST_OPTION], plain)
            if not length:
                self._left = data[command:]
                if len(self._left) >= _LONGEST_OPTION:
                    raise OSError(errno.EPROTO, "what comes is not RFC 2217")
                return bytes(plain)
            place = command + length
        return bytes(plain + data[place:])

    def _command(self, data: bytes, plain: bytearray) -> int:
        """Follow one command and return its length, 0 while it has not come wholly."""
        if len(data) < 2:
            return 0
        verb = data[1]
        if verb == _IAC:
            plain.append(_IAC)
            return 2
        if verb == _SB:
            found = _OPTION.match(data)
            return found.end() if found else 0
        if verb not in (_WILL, _WONT, _DO, _DONT):
            return 2
        if len(data) < 3:
            return 0
        self._negotiate(verb, data[2])
        return 3

    def _negotiate(self, verb: int, option: int) -> None:
        if option == _COM_PORT:
            self.agreed |= verb in (_DO, _WILL)
            self.refused |= verb in (_DONT, _WONT)
        known = option in (_OURS if verb in (_DO, _DONT) else _THEIRS)
        if verb in (_DO, _DONT):
            reply = _WILL if verb == _DO and known else _WONT
        else:
            reply = _DO if verb == _WILL and known else _DONT
        self.say(reply, option)

    def say(self, verb: int, option: int) -> None:
        """Say once what is wanted; an agreement repeated would be answered for ever."""
        if (verb, option) not in self._said:
            self._said.add((verb, option))
            self.answer += bytes((_IAC, verb, option))


class Rfc2217Port(FilePort):
    """Hold a serial port of another machine."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.detach())
        self._telnet = Telnet()
        self._early = b""

    def agree(self, baud: int, bits: int, parity: str, stop: int, flow: str) -> None:
        """Tell the other end how the line is. Raises OSError where it is no RFC 2217."""
        for option in (_BINARY, _GO_AHEAD, _COM_PORT):
            self._telnet.say(_WILL, option)
        for option in (_BINARY, _GO_AHEAD):
            self._telnet.say(_DO, option)
        self._reply()
        until = time.monotonic() + AGREED_WITHIN
        while not self._telnet.agreed:
            wait = max(until - time.monotonic(), 0)
            if self._telnet.refused or not select.select((self.fileno(),), (), (), wait)[0]:
                raise OSError(errno.EPROTO, "the other end speaks no RFC 2217; try tcp://")
            self._early += self.read()
        self._set(_BAUD, baud.to_bytes(4, "big"))
        self._set(_BITS, bytes((bits,)))
        self._set(_PARITY, bytes((_PARITIES[parity],)))
        self._set(_STOP, bytes((stop,)))
        self._set(_CONTROL, bytes((_FLOWS[flow],)))

    def read(self) -> bytes:
        """Return what is there, without telnet's commands, which are answered."""
        if self._early and self._telnet.agreed:
            data, self._early = self._early, b""
            return data
        data = self._telnet.feed(super().read())
        self._reply()
        return data

    def write(self, data: bytes) -> None:
        """Send all bytes, 255 twice."""
        super().write(data.replace(b"\xff", b"\xff\xff"))

    def send_break(self) -> None:
        """Have the other end send one."""
        self._set(_CONTROL, bytes((_BREAK_ON,)))
        time.sleep(BREAK)
        self._set(_CONTROL, bytes((_BREAK_OFF,)))

    def _set(self, what: int, value: bytes) -> None:
        value = value.replace(b"\xff", b"\xff\xff")
        super().write(bytes((_IAC, _SB, _COM_PORT, what)) + value + bytes((_IAC, _SE)))

    def _reply(self) -> None:
        if self._telnet.answer:
            data = bytes(self._telnet.answer)
            self._telnet.answer.clear()
            super().write(data)


def open_rfc2217(
    host: str, port: int, baud: int, bits: int, parity: str, stop: int, flow: str
) -> Rfc2217Port:
    """Connect and agree on the line's settings. Raises OSError."""
    opened = Rfc2217Port(connect(host, port))
    try:
        opened.agree(baud, bits, parity, stop, flow)
    except BaseException:
        opened.close()
        raise
    return opened
