from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.options import Options, OptionsError, parse_options
from boruta_farm.dryad.stm.values import Color

DEFAULTS = Options(
    dut=False,
    ts=False,
    tick=False,
    m=timedelta(seconds=1),
    cur=False,
    cur_start=False,
    cur_stop=False,
    cur_get=False,
    cur_size=120,
    cur_duration=timedelta(minutes=1),
    clr=False,
    print="",
    print_x=0,
    print_y=0,
    led1=None,
    led2=None,
    dyper1=None,
    dyper2=None,
    hdmi=None,
    serve=False,
    listen=Path("/run/stm.socket"),
    user_listen=Path("/run/stm-user.socket"),
    remote=None,
    tty=None,
    dummy=False,
)


def test_defaults_are_the_originals() -> None:
    assert parse_options([]) == DEFAULTS


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("-dut", {"dut": True}),
        ("--ts", {"ts": True}),
        ("-tick -m 500ms", {"tick": True, "m": timedelta(milliseconds=500)}),
        ("--tick --m=2s", {"tick": True, "m": timedelta(seconds=2)}),
        ("-tick -m=2s", {"tick": True, "m": timedelta(seconds=2)}),
        ("-dut=false -ts=true", {"ts": True}),
        ("-dut=T", {"dut": True}),
        ("-cur -cur-get", {"cur": True, "cur_get": True}),
        ("-cur-start -cur-size 10", {"cur_start": True, "cur_size": 10}),
        ("-cur-stop -cur-duration 5s", {"cur_stop": True, "cur_duration": timedelta(seconds=5)}),
        ("-clr -print hello -print-x 8 -print-y 2", {"clr": True, "print": "hello"}),
        ("-print=-x-", {"print": "-x-"}),
        ("-print -dut", {"print": "-dut"}),
        ("-led1 96,144,0", {"led1": Color(red=96, green=144, blue=0)}),
        ("-led2 255,0,1", {"led2": Color(red=255, green=0, blue=1)}),
        ("-dyper1 on -dyper2 off -hdmi on", {"dyper1": True, "dyper2": False, "hdmi": True}),
        ("-remote /run/x.socket", {"remote": "/run/x.socket"}),
        ("-remote= -tty /dev/ttyUSB0", {"remote": "", "tty": Path("/dev/ttyUSB0")}),
        ("-serve -listen /a -user-listen /b", {"serve": True, "listen": Path("/a")}),
        ("-dummy", {"dummy": True}),
    ],
)
def test_options_are_read_as_go_does(line: str, changes: dict[str, object]) -> None:
    places = {"print_x": 8, "print_y": 2} if "-print-x" in line else {}
    sockets = {"user_listen": Path("/b")} if "-user-listen" in line else {}
    wanted = replace(DEFAULTS, **changes, **places, **sockets)  # type: ignore[arg-type]  # by name
    assert parse_options(line.split()) == wanted


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-dut -ts", "-dut and -ts exclude each other"),
        ("-remote /run/x -serve", "-remote and -serve exclude each other"),
        ("-remote /run/x -dummy", "-remote and -dummy exclude each other"),
        ("-remote /run/x -tty /dev/x", "-remote and -tty exclude each other"),
        ("-tick -m 1", "'1' is no duration"),
        ("-led1 1,2", "'1,2' is no colour"),
        ("-led1 1,2,x", "'1,2,x' is no colour"),
        ("-led1 1,2,256", "blue must be from 0 to 255"),
        ("-dyper1 up", "'up' is neither on nor off"),
        ("-dut=perhaps", "'perhaps' is neither true nor false"),
        ("-tic", "unrecognized arguments: --tic"),
        ("-du", "unrecognized arguments: --du"),
        ("-dut -m", "expected one argument"),
        ("-dut true", "unrecognized arguments: true"),
        ("left over", "unrecognized arguments"),
    ],
)
def test_lines_that_make_no_sense_are_told(line: str, words: str) -> None:
    with pytest.raises(OptionsError) as wrong:
        parse_options(line.split())
    assert wrong.value.status == 2
    assert words in wrong.value.words
