"""A MuxPi controller without the hardware: its firmware as the serial line shows it."""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from boruta_farm.testing.stm_chip import Chip, is_keyword, parse_number
from boruta_farm.testing.stm_commands import COMMANDS, ChipRefusal

_LONGEST_LINE: Final = 64
_MOST_WORDS: Final = 10
_QUEUE: Final = 32
_END: Final = "\r\n"
_BLANKS: Final = re.compile(r"[ \t\v\f]+")


class Firmware:
    """Read commands and answer them, by the running loop's time.

    ``echo_sticks`` is the published source's world, where echo can never be switched off; boards
    in the field are known to do what ``echo off`` says. While the chip is busy with a power tick
    it keeps 32 characters and loses what follows. ``silent`` makes it take no notice of
    anything; ``commands`` lists what it carried out, and ``after`` is called after each, and
    after a power tick.
    """

    def __init__(
        self,
        emit: Callable[[bytes], None],
        *,
        echo_sticks: bool = True,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.chip = Chip()
        self.commands: list[str] = []
        self.silent = False
        self.lost = 0
        self._emit = emit
        self._echo_sticks = echo_sticks
        self._echo = True
        self._line = ""
        self._queue = bytearray()
        self._ticking: asyncio.TimerHandle | None = None
        self._after = after or _nothing

    def receive(self, data: bytes) -> None:
        """Take what comes over the line."""
        if self.silent:
            return
        for character in data:
            if self._ticking is None:
                self._take(chr(character))
            elif len(self._queue) < _QUEUE:
                self._queue.append(character)
            else:
                self.lost += 1

    def press(self, key: int) -> None:
        """Report a key, whatever else is being said."""
        self._say(f"pressed: {key}{_END}")

    def restart(self) -> None:
        """Lose power for a moment: everything is as at the start, the DUT off, the card here."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self.chip = Chip()
        self._echo = True
        self._line = ""
        self._queue.clear()

    def close(self) -> None:
        """Forget the tick that is under way."""
        if self._ticking is not None:
            self._ticking.cancel()

    def _take(self, character: str) -> None:
        if character in "\r\n":
            self._repeat("\n\r")
            line, self._line = self._line, ""
            self._carry_out(line)
        else:
            self._repeat(character)
            if len(self._line) < _LONGEST_LINE:
                self._line += character

    def _repeat(self, text: str) -> None:
        if self._echo or self._echo_sticks:
            self._say(text)

    def _say(self, text: str) -> None:
        self._emit(text.encode("latin-1"))

    def _carry_out(self, line: str) -> None:
        words = [word for word in _BLANKS.split(line) if word][:_MOST_WORDS]
        if not words:
            return
        self.commands.append(line)
        name, *arguments = words
        if name == "echo":
            self._set_echo(arguments)
        elif name == "mux" and not arguments:
            self._say(f"{self.chip.card}OK{_END}")
        elif name == "power" and arguments and is_keyword(arguments[0], "tick"):
            self._tick(arguments[1:])
        elif name not in COMMANDS:
            self._say(f"Unknown command{_END}")
        else:
            try:
                values = COMMANDS[name](self.chip, arguments)
            except ChipRefusal:
                self._say(f"Error processing command{_END}")
            else:
                self._say("".join(f"{value}{_END}" for value in [*values, "OK"]))
        self._after()

    def _set_echo(self, arguments: list[str]) -> None:
        self._echo = is_keyword(arguments[0], "on") if arguments else not self._echo
        self._say(f"Echo is {'on' if self._echo else 'off'} now.{_END}OK{_END}")

    def _tick(self, arguments: list[str]) -> None:
        milliseconds = (parse_number(arguments[0]) if arguments else None) or 1000
        self.chip.relay = False
        # A negative number is a count of weeks to the chip.
        seconds = (milliseconds % (1 << 32)) / 1000
        self._ticking = asyncio.get_running_loop().call_later(seconds, self._end_tick)

    def _end_tick(self) -> None:
        self._ticking = None
        self.chip.relay = True
        self._after()
        self._say(f"OK{_END}")
        waiting = bytes(self._queue)
        self._queue.clear()
        self.receive(waiting)


def _nothing() -> None:
    """Do nothing after a command."""
