"""Terminals as SSH clients ask for them."""

import os
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from boruta_farm.dryad.drivers.sandbox_terminal import end_of_input, open_terminal, resize_terminal

ECHO, ICANON, VEOF, VINTR, ONLCR = 53, 51, 5, 1, 72


@contextmanager
def terminal(modes: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    ours, theirs = open_terminal((80, 24, 0, 0), modes)
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_size() -> None:
    with terminal({}) as (ours, theirs):
        assert os.get_terminal_size(theirs) == (80, 24)
        resize_terminal(ours, (1 << 20, 5, 0, 0))
        assert os.get_terminal_size(theirs) == (65535, 5)


@pytest.mark.parametrize("on", [0, 1])
def test_flags(on: int) -> None:
    with terminal({ECHO: on, ONLCR: on, 255: 1, 200: 7}) as (_, theirs):
        attributes = termios.tcgetattr(theirs)
        assert bool(attributes[3] & termios.ECHO) == bool(on)
        assert bool(attributes[1] & termios.ONLCR) == bool(on)


def test_characters() -> None:
    with terminal({VINTR: 7, VEOF: 255}) as (ours, theirs):
        characters = termios.tcgetattr(theirs)[6]
        assert characters[termios.VINTR] == b"\x07"
        assert characters[termios.VEOF] == b"\0"
        assert end_of_input(ours) == b"\0"


def test_end_of_input() -> None:
    with terminal({}) as (ours, _):
        assert end_of_input(ours) == b"\x04"
    with terminal({ICANON: 0}) as (ours, _):
        assert end_of_input(ours) == b""
