"""A program on a terminal of its own, which we pass on to ours: so that one key can be ours.

ssh takes the terminal for itself while it runs. With a terminal of its own it does so there, every
byte goes through here, and a key can be kept back where that was offered (issue 14: one key to
prolong).
"""

import asyncio
import fcntl
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from boruta_farm.cli.console import remark
from boruta_farm.client.openssh import SshSession, exit_status
from boruta_farm.client.way import NOTHING
from boruta_farm.model.errors import BorutaError

PIECE = 64 * 1024
KEY = b"\x1d"
"""Ctrl-]: no shell and few programs use it."""
KEY_NAME = "Ctrl-]"
SHOWN_WITHIN = 1.0
"""Seconds in which what a program printed last reaches our terminal after its end."""

FORGOTTEN = b"\x1b[?25h\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m"
"""Cursor shown, keys as ever, no mouse, no brackets around what is pasted, no colours."""
LINE_ERASED = b"\r\x1b[K"
LONGEST_LINE = 4096
WHOLE_SCREEN_LEFT = b"\x1b[?1049l"

Pressed = Callable[[], bool]
"""Take note of the key; False lets it go on to the program."""


def terminal_there() -> bool:
    """Tell whether input, output and complaints are all of one who sits at a terminal."""
    return all(os.isatty(number) for number in (0, 1, 2))


def tidy(*, whole_screen: bool) -> None:
    """Undo what a program left set in our terminal that could not take its leave."""
    os.write(1, (WHOLE_SCREEN_LEFT if whole_screen else b"") + FORGOTTEN)


class TerminalSession(SshSession):
    """Run ssh on a terminal of its own; ``pressed`` is asked about each ``KEY``."""

    def __init__(
        self,
        arguments: Sequence[str],
        pressed: Pressed,
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        super().__init__(arguments, environment=environment)
        self._pressed = pressed
        self._ours = -1
        self._shown = _LastLine()

    async def start(self) -> None:
        """Start ssh. Raises BorutaError when it cannot be started."""
        ours, theirs = os.openpty()
        try:
            termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0))
            _fit(ours)
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={**os.environ, **self._environment},
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        except OSError as error:
            os.close(ours)
            raise BorutaError(f"cannot start {self._arguments[0]}: {error.strerror}") from error
        finally:
            os.close(theirs)
        self._ours = ours

    async def wait(self) -> int:
        """Return ssh's exit status once all that it printed is shown."""
        assert self._process is not None
        loop = asyncio.get_running_loop()
        shown = asyncio.Event()
        with _raw(), _resized(self._ours):
            # Our terminal may stop for as long as it likes: that must not keep us from prolonging.
            showing = threading.Thread(
                target=_show,
                args=(self._ours, loop, shown, self._shown),
                name="terminal",
                daemon=True,
            )
            showing.start()
            loop.add_reader(0, self._type)
            _PRESENT.append(self)
            try:
                status = await self._process.wait()
                try:
                    async with asyncio.timeout(SHOWN_WITHIN):
                        await shown.wait()
                except TimeoutError:
                    # What it left running in the background has its terminal still.
                    pass
            finally:
                _PRESENT.remove(self)
                loop.remove_reader(0)
        return exit_status(status)

    def remark(self, text: str) -> None:
        """Say something above the line at which the shell's user is, and leave him that line."""
        line = self._shown.content
        os.write(1, LINE_ERASED)
        remark(text)
        os.write(1, line)

    def close(self) -> None:
        """Give the terminal up once ssh is gone."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def _type(self) -> None:
        try:
            typed = os.read(0, 4096)
        except OSError:
            typed = b""
        if not typed:
            # The terminal is gone, and SIGHUP is on its way.
            asyncio.get_running_loop().remove_reader(0)
            return
        if KEY in typed and self._pressed():
            typed = typed.replace(KEY, b"", 1)
        # A person's typing never fills what the kernel keeps for ssh.
        try:
            os.write(self._ours, typed)
        except OSError:
            return


class _LastLine:
    """Keep what has been printed since the last line's end: a prompt, and what is typed there."""

    def __init__(self) -> None:
        self.content = b""

    def take(self, piece: bytes) -> None:
        """Take what was printed."""
        _, end, rest = piece.rpartition(b"\n")
        self.content = (rest if end else self.content + piece)[-LONGEST_LINE:]


_PRESENT: list[TerminalSession] = []
"""The session that has our terminal now, if one has it."""


def remark_beside(text: str) -> None:
    """Say something beside what runs in our terminal, whose user finds his line as it was."""
    if _PRESENT:
        _PRESENT[-1].remark(text)
    else:
        remark(text)


def _show(
    source: int, loop: asyncio.AbstractEventLoop, shown: asyncio.Event, last: _LastLine
) -> None:
    try:
        while piece := os.read(source, PIECE):
            last.take(piece)
            while piece:
                piece = piece[os.write(1, piece) :]
    except OSError:
        # Nobody has the terminal any more, or ours is gone: that is the end of it.
        pass
    try:
        loop.call_soon_threadsafe(shown.set)
    except RuntimeError:
        return


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _fit(terminal: int) -> None:
    """Give a terminal the size of ours; the kernel tells whoever runs there."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))


@contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
        except termios.error:
            # It is gone.
            sys.stderr.flush()


@contextmanager
def _resized(terminal: int) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, _fit, terminal)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
