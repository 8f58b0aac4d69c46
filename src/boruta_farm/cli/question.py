"""Questions that one key answers, asked on the terminal of whoever pressed Ctrl-C."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from boruta_farm.cli.console import say

INTERRUPT = "\x03"


def someone_there() -> bool:
    """Tell whether a question can be asked: who pressed Ctrl-C sees it, and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def ask(text: str, choices: Mapping[str, str], interrupted: str) -> str:
    """Return the key that was pressed, one of ``choices``, which tell what each does.

    Ctrl-C, and the end of the terminal, are taken for ``interrupted``. Other keys are ignored.
    Cancelling withdraws the question.
    """
    offered = ", ".join(f"[{key}] {does}" for key, does in choices.items())
    say(f"boruta: {text}: {offered}?")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def take() -> None:
        try:
            typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace").lower()
        except OSError:
            typed = ""
        keys = [key for key in typed if key in choices or key == INTERRUPT]
        if (keys or not typed) and not answer.done():
            pressed = keys[0] if keys else INTERRUPT
            answer.set_result(interrupted if pressed == INTERRUPT else pressed)

    with _single_keys():
        loop.add_reader(sys.stdin.fileno(), take)
        try:
            return await answer
        finally:
            loop.remove_reader(sys.stdin.fileno())


@contextmanager
def _single_keys() -> Iterator[None]:
    """Have each key told at once and unseen, Ctrl-C among them, for the block."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSANOW)
    now = termios.tcgetattr(terminal)
    now[3] &= ~termios.ISIG
    termios.tcsetattr(terminal, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
