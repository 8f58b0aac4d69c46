"""The options of the original's ``stm`` tool, with one dash or two, as Go takes them."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Never, TypeVar

from boruta_farm.dryad.stm.client import ADMIN_SOCKET, USER_SOCKET
from boruta_farm.dryad.stm.display import LAST_ROW, WIDTH
from boruta_farm.dryad.stm.errors import ArgumentError
from boruta_farm.dryad.stm.port import DEFAULT_PATH
from boruta_farm.dryad.stm.values import Color
from boruta_farm.settings.durations import LONGEST, parse_duration

_Value = TypeVar("_Value")

_HELP: Final = ("h", "help")
_FLAGS: Final = frozenset(
    {"dut", "ts", "tick", "cur", "cur-start", "cur-stop", "cur-get", "clr", "dummy", "serve"}
)


class OptionsError(Exception):
    """Say what is wrong with a command line, or its help, and the exit status that tells it."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


class _FlagParser(ArgumentParser):
    """Leave the end of the program to whoever has asked."""

    def error(self, message: str) -> Never:
        raise OptionsError(f"{self.format_usage()}{self.prog}: error: {message}\n", 2)

    def print_help(self, file: object = None) -> Never:
        raise OptionsError(self.format_help(), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Hold what the command line says, under its options' names."""

    dut: bool
    ts: bool
    tick: bool
    m: timedelta
    cur: bool
    cur_start: bool
    cur_stop: bool
    cur_get: bool
    cur_size: int
    cur_duration: timedelta
    clr: bool
    print: str
    print_x: int
    print_y: int
    led1: Color | None
    led2: Color | None
    dyper1: bool | None
    dyper2: bool | None
    hdmi: bool | None
    serve: bool
    listen: Path
    user_listen: Path
    remote: str | None
    tty: Path | None
    dummy: bool


def parse_options(arguments: Sequence[str], program: str = "dryad stm") -> Options:
    """Read the command line. Raises OptionsError when it makes no sense, or asks for help."""
    parser = _make_parser(program)
    options = Options(**vars(parser.parse_args(_spell_out(arguments))))
    for first, second in (("dut", "ts"), ("remote", "serve"), ("remote", "dummy")):
        if getattr(options, first) and getattr(options, second):
            parser.error(f"-{first} and -{second} exclude each other")
    if options.remote and options.tty:
        parser.error("-remote and -tty exclude each other")
    return options


def _spell_out(arguments: Sequence[str]) -> list[str]:
    """Write every option as ``--name=value``, in which form argparse reads what Go reads.

    Left to itself it would take ``-d`` for ``-dut`` and refuse a value that begins with a dash.
    """
    spelt: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not argument.startswith("-") or not name:
            return [*spelt, argument, *rest]
        if name in _HELP:
            spelt.append("--help")
        elif name in _FLAGS:
            spelt.append(f"--{name}={value if equals else 'true'}")
        elif equals:
            spelt.append(f"--{name}={value}")
        else:
            following = next(rest, None)
            spelt.append(f"--{name}" if following is None else f"--{name}={following}")
    return spelt


def _make_parser(program: str) -> ArgumentParser:
    parser = _FlagParser(
        prog=program,
        description="Command the controller of a MuxPi board.",
        allow_abbrev=False,
    )
    power = parser.add_argument_group("card and power")
    _flag(power.add_argument, "dut", "give card and power to the device under test")
    _flag(power.add_argument, "ts", "give the card to the test server, power off")
    _flag(power.add_argument, "tick", "cut the power for a while")
    _value(power.add_argument, "m", "for how long", _duration, timedelta(seconds=1), "DURATION")

    current = parser.add_argument_group("current of the device under test, in mA")
    _flag(current.add_argument, "cur", "print it")
    _flag(current.add_argument, "cur-start", "begin to record it (with -remote)")
    _flag(current.add_argument, "cur-stop", "stop recording")
    _flag(current.add_argument, "cur-get", "print the record, separated by commas")
    _value(current.add_argument, "cur-size", "samples of the record", int, 120, "N")
    minute = timedelta(minutes=1)
    _value(current.add_argument, "cur-duration", "its length", _duration, minute, "DURATION")

    front = parser.add_argument_group("display and lights")
    _flag(front.add_argument, "clr", "clear the display")
    _value(front.add_argument, "print", "print this on it", str, "", "TEXT")
    _value(front.add_argument, "print-x", f"pixels, 0 to {WIDTH}", int, 0, "X")
    _value(front.add_argument, "print-y", f"rows of 8 pixels, 0 to {LAST_ROW}", int, 0, "Y")
    for name in ("led1", "led2"):
        _value(front.add_argument, name, "three numbers, 0 to 255", _color, None, "R,G,B")

    switches = parser.add_argument_group("switches")
    for name in ("dyper1", "dyper2"):
        _value(switches.add_argument, name, "dynamic peripheral", _switch, None, "on|off")
    _value(switches.add_argument, "hdmi", "hot-plug pin", _switch, None, "on|off")

    where = parser.add_argument_group("whose serial line")
    socket_help = "the service's socket; empty: open the serial line ourselves"
    _value(where.add_argument, "remote", socket_help, str, None, "SOCKET")
    _value(where.add_argument, "tty", f"serial line (default {DEFAULT_PATH})", Path, None, "PATH")
    _flag(where.add_argument, "dummy", "log instead of acting")
    _flag(where.add_argument, "serve", "be the service")
    _value(where.add_argument, "listen", "root's socket", Path, ADMIN_SOCKET, "SOCKET")
    _value(where.add_argument, "user-listen", "users' socket", Path, USER_SOCKET, "SOCKET")
    return parser


def _flag(add: Callable[..., object], name: str, meaning: str) -> None:
    add(
        f"--{name}",
        help=meaning,
        nargs="?",
        type=_boolean,
        default=False,
        metavar="true|false",
    )


def _value(
    add: Callable[..., object],
    name: str,
    meaning: str,
    convert: Callable[[str], _Value],
    default: _Value | None,
    form: str,
) -> None:
    add(f"--{name}", help=meaning, type=convert, default=default, metavar=form)


def _boolean(text: str) -> bool:
    # The words of Go's flags: -dut=false.
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise ArgumentTypeError(f"{text!r} is neither true nor false")


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ArgumentTypeError(f"{text!r} is neither on nor off")
    return text == "on"


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text, least=-LONGEST, such_as="500ms, 2s or 1m30s")
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _color(text: str) -> Color:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise ArgumentTypeError(f"{text!r} is no colour; write it like 96,144,0")
    try:
        red, green, blue = map(int, parts)
        return Color(red=red, green=green, blue=blue)
    except ArgumentError as error:
        raise ArgumentTypeError(str(error)) from error
