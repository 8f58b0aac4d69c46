"""A console in the terminal: keys go to the device, ``~`` at a line's start is for us."""

import contextlib
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, answer, ask, printable
from boruta_farm.dryad.dut.frames import DATA, NOTE, Status, unpack_words
from boruta_farm.dryad.dut.notes import note_lines

PIECE: Final = 4096
ESCAPE: Final = b"~"
HELP: Final = """\
~p  power cycle          ~b  send a break
~w  write (take over)    ~.  end
~~  the letter ~         ~?  this help
These work at the start of a line."""


class Keys:
    """Find the escapes in what is typed; ``commands`` are called by their letter."""

    def __init__(self, commands: dict[bytes, Callable[[], None]]) -> None:
        self._commands = commands
        self._line_start = True
        self._escaped = False

    def feed(self, data: bytes) -> bytes:
        """Return what goes to the device, having done what is for us."""
        sent = bytearray()
        for letter in (data[place : place + 1] for place in range(len(data))):
            if self._escaped:
                self._escaped = False
                if letter in self._commands:
                    self._commands[letter]()
                    continue
                sent += letter if letter == ESCAPE else ESCAPE + letter
            elif letter == ESCAPE and self._line_start:
                self._escaped = True
                continue
            else:
                sent += letter
            self._line_start = letter in b"\r\n"
        return bytes(sent)


@contextlib.contextmanager
def raw_terminal(file: int) -> Iterator[None]:
    """Have every key at once, and the terminal as it was afterwards, whatever happens."""
    before = termios.tcgetattr(file)
    tty.setraw(file)
    try:
        yield
    finally:
        termios.tcsetattr(file, termios.TCSAFLUSH, before)


def interact(name: str, *, take: bool) -> int:
    """Be at the console until ``~.`` or the job's end."""
    session = _Session(name)

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with raw_terminal(sys.stdin.fileno()):
            session.open(take=take)
            threading.Thread(target=session.type_on, daemon=True).start()
            session.show()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Status.DONE


class _Session:
    """One person at a console; the keys have a thread of their own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended = False
        self._taking = False
        self._position: int | str = "now"
        self._keys = Keys(
            {
                b"p": lambda: self._act("power.cycle", "", "power cycled"),
                b"b": lambda: self._act("console.break", name, "break sent"),
                b"w": self._take_over,
                b".": self._end,
                b"?": lambda: _say(HELP),
            }
        )

    def open(self, *, take: bool) -> None:
        """Call the agent, from where the last call has come to."""
        self._conversation = DutConversation(
            "console.attach", self._name, write=True, take=take, since=self._position
        )

    def show(self) -> None:
        """Show what comes, to the end. Raises DutError."""
        while True:
            try:
                for letter, data in self._conversation.frames():
                    self._frame(letter, data)
                return
            except DutError:
                # The end that was asked for looks as any other: the agent says nothing any more.
                if self._ended:
                    return
                if not self._taking:
                    raise
            finally:
                self._conversation.close()
            self._taking = False
            self.open(take=True)

    def type_on(self) -> None:
        """Send what is typed."""
        while data := os.read(sys.stdin.fileno(), PIECE):
            if sent := self._keys.feed(data):
                self._conversation.send(sent)
        self._end()

    def _frame(self, letter: bytes, data: bytes) -> None:
        if letter == DATA:
            if isinstance(self._position, int):
                self._position += len(data)
            _show(data)
        elif letter == NOTE:
            words = unpack_words(data)
            if "position" in words:
                self._position = int(words["position"])
                role = "you write" if words.get("writes") else "somebody else writes, ~w takes over"
                _say(f"the device's console; {role}; ~? for help, ~. to end")
            elif isinstance(self._position, int):
                self._position += int(words.get("dropped", 0))
            for line in note_lines(words):
                _say(line)
        else:
            answer(unpack_words(data))

    def _act(self, what: str, name: str, done: str) -> None:
        try:
            ask(what, name)
        except DutError as error:
            _say(str(error))
        else:
            _say(done)

    def _take_over(self) -> None:
        self._taking = True
        self._conversation.hang_up()

    def _end(self) -> None:
        self._ended = True
        self._conversation.hang_up()


def _say(words: str) -> None:
    """Write lines of ours to a raw terminal."""
    for line in words.splitlines():
        os.write(2, f"\r\n[{printable(line)}]".encode())
    os.write(2, b"\r\n")


def _show(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
