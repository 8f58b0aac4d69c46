"""A serial port of the machine."""

import errno
import fcntl
import os
import termios
from typing import Final

import serial

from boruta_farm.dryad.tools.console.file_port import FilePort

PARITIES: Final = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
BREAK: Final = 0.25
"""Seconds."""


class DevicePort(FilePort):
    """Hold a serial port; nobody but root can open it beside."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__(os.dup(port.fileno()))
        self._port = port

    def send_break(self) -> None:
        """Hold the line low for a quarter of a second."""
        self._port.send_break(BREAK)

    def close(self) -> None:
        """Close the port."""
        super().close()
        self._port.close()


def open_serial(path: str, baud: int, bits: int, parity: str, stop: int, flow: str) -> DevicePort:
    """Open a port with its line settings. Raises OSError."""
    try:
        port = serial.Serial(
            path,
            baud,
            bytesize=bits,
            parity=PARITIES[parity],
            stopbits=stop,
            rtscts=flow == "rtscts",
            xonxoff=flow == "xonxoff",
            exclusive=True,
        )
    except (serial.SerialException, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EIO
        words = os.strerror(number) if number != errno.EIO else str(error)
        raise OSError(number, words) from error
    try:
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        # Closing must not drop DTR: many boards take that for a reset.
        attributes = termios.tcgetattr(port.fileno())
        attributes[2] &= ~termios.HUPCL
        # An empty read is then the port's end, not a moment without bytes.
        attributes[6][termios.VMIN] = 1
        termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)
        return DevicePort(port)
    except (OSError, termios.error) as error:
        port.close()
        raise OSError(errno.EIO, f"is no serial port: {error}") from error
