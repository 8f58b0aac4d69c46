"""A pseudo-terminal as an SSH client asks for it (RFC 4254, sections 6.2 and 8)."""

import fcntl
import os
import struct
import termios
from collections.abc import Mapping

# RFC 4254 section 8: opcode to index of termios' list of control characters.
_CHARACTERS = {
    1: termios.VINTR,
    2: termios.VQUIT,
    3: termios.VERASE,
    4: termios.VKILL,
    5: termios.VEOF,
    6: termios.VEOL,
    7: termios.VEOL2,
    8: termios.VSTART,
    9: termios.VSTOP,
    10: termios.VSUSP,
    12: termios.VREPRINT,
    13: termios.VWERASE,
    14: termios.VLNEXT,
    18: termios.VDISCARD,
}
_IUTF8 = 0o40000
_INPUT = {
    30: termios.IGNPAR,
    31: termios.PARMRK,
    32: termios.INPCK,
    33: termios.ISTRIP,
    34: termios.INLCR,
    35: termios.IGNCR,
    36: termios.ICRNL,
    38: termios.IXON,
    39: termios.IXANY,
    40: termios.IXOFF,
    41: termios.IMAXBEL,
    42: _IUTF8,
}
_LOCAL = {
    50: termios.ISIG,
    51: termios.ICANON,
    53: termios.ECHO,
    54: termios.ECHOE,
    55: termios.ECHOK,
    56: termios.ECHONL,
    57: termios.NOFLSH,
    58: termios.TOSTOP,
    59: termios.IEXTEN,
    60: termios.ECHOCTL,
    61: termios.ECHOKE,
}
_OUTPUT = {
    70: termios.OPOST,
    72: termios.ONLCR,
    73: termios.OCRNL,
    74: termios.ONOCR,
    75: termios.ONLRET,
}
_FLAGS = ((0, _INPUT), (1, _OUTPUT), (3, _LOCAL))
_DISABLED = 255

Size = tuple[int, int, int, int]
"""Columns, rows, width and height in pixels."""


def open_terminal(size: Size, modes: Mapping[int, int]) -> tuple[int, int]:
    """Return our side and the program's side of a new terminal.

    Modes that Linux does not know are ignored. Raises OSError when no terminal is left.
    """
    ours, theirs = os.openpty()
    resize_terminal(ours, size)
    attributes = termios.tcgetattr(theirs)
    for index, flags in _FLAGS:
        for opcode, flag in flags.items():
            if opcode in modes:
                attributes[index] = (attributes[index] & ~flag) | (flag if modes[opcode] else 0)
    for opcode, index in _CHARACTERS.items():
        if opcode in modes:
            character = modes[opcode]
            attributes[6][index] = bytes([0 if character >= _DISABLED else character])
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    return ours, theirs


def resize_terminal(terminal: int, size: Size) -> None:
    """Set the window size; the programs in front get SIGWINCH."""
    columns, rows, width, height = (min(number, 0xFFFF) for number in size)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def end_of_input(terminal: int) -> bytes:
    """Return what a person would type to end the input, nothing in raw mode."""
    attributes = termios.tcgetattr(terminal)
    if not attributes[3] & termios.ICANON:
        return b""
    character: bytes = attributes[6][termios.VEOF]
    return character
