"""``dut console [NAME]`` and ``dut boot``: the console seen, replayed, waited at, written to."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from boruta_farm.dryad.dut.call import (
    DutConversation,
    DutError,
    UsageError,
    answer,
    ask,
    binary_output,
    printable,
)
from boruta_farm.dryad.dut.console_options import ConsoleOptions, read_options
from boruta_farm.dryad.dut.expecting import Expectation
from boruta_farm.dryad.dut.frames import DATA, NOTE, RESULT, Status, unpack_words
from boruta_farm.dryad.dut.notes import tell
from boruta_farm.dryad.dut.words import show_json

PIECE: Final = 64 * 1024


def operate(verb: str, words: list[str], *, json: bool) -> int:
    """See a console, or do with it what the options say."""
    options = read_options(verb, words)
    if verb == "boot":
        return _boot(options, json=json)
    if options.log:
        return _log(options, json=json)
    if options.breaks:
        ask("console.break", options.name)
    elif options.text is not None or options.pattern is not None:
        return _talk(options, json=json)
    elif sys.stdin.isatty() and sys.stdout.isatty():
        from boruta_farm.dryad.dut.interactive import interact

        return interact(options.name, take=options.take)
    else:
        return _pipe(options)
    return Status.DONE


def _boot(options: ConsoleOptions, *, json: bool) -> int:
    """Wait from before the power cycle on: what the device says at once counts."""
    if options.pattern is None:
        raise UsageError("boot until what is seen? write --expect RE")
    seen = _watch(options)
    ask("power.cycle", options.power)
    return _expect(seen, options, json=json)


def _talk(options: ConsoleOptions, *, json: bool) -> int:
    """Send a text, then wait for another; one may be left out."""
    seen = _watch(options) if options.pattern is not None else None
    told: dict[str, Any] = {}
    if options.text is not None:
        told = _send(options)
    if seen is not None:
        return _expect(seen, options, json=json)
    if json:
        show_json(told)
    return Status.DONE


def _send(options: ConsoleOptions) -> dict[str, Any]:
    sending = DutConversation("console.send", options.name, take=options.take)
    if options.text == "-":
        while data := os.read(sys.stdin.fileno(), PIECE):
            sending.send(data)
    else:
        sending.send((options.text or "").encode(errors="surrogateescape"))
    sending.end()
    return sending.finish()


class _Watch:
    """A console seen from a position on."""

    def __init__(self, conversation: DutConversation) -> None:
        self.conversation = conversation
        self.frames = conversation.frames()
        self.position = 0
        for letter, data in self.frames:
            if letter == RESULT:
                answer(unpack_words(data))
            words = unpack_words(data)
            if "position" in words:
                self.position = words["position"]
                return

    def stream(self) -> Iterator[bytes]:
        """Yield what comes. Raises DutError."""
        for letter, data in self.frames:
            if letter == DATA:
                yield data
            elif letter == NOTE:
                words = unpack_words(data)
                self.position += words.get("dropped", 0)
                tell(words)
            else:
                answer(unpack_words(data))


def _watch(options: ConsoleOptions) -> _Watch:
    since = "now" if options.since is None else options.since
    return _Watch(DutConversation("console.attach", options.name, since=since))


def _expect(watch: _Watch, options: ConsoleOptions, *, json: bool) -> int:
    """Show what comes until it matches. Raises DutError when the time is over."""
    assert options.pattern is not None
    wanted = Expectation(options.pattern)
    output = None if json else binary_output()
    until = time.monotonic() + options.timeout
    try:
        watch.conversation.limit(until)
        for data in watch.stream():
            found = wanted.feed(data)
            shown = data if found is None else data[: len(data) - found.unread]
            if output is not None:
                output.write(shown)
                output.flush()
            watch.position += len(shown)
            if found is not None:
                if json:
                    text = found.text.decode(errors="replace")
                    groups = [
                        None if g is None else g.decode(errors="replace") for g in found.groups
                    ]
                    show_json({"text": text, "groups": groups, "position": watch.position})
                return Status.DONE
            watch.conversation.limit(until)
    except TimeoutError:
        last = printable(wanted.last_line)
        seen = f"; the last line was: {last}" if last else "; nothing came"
        words = f"{printable(options.pattern)!r} did not come within {options.timeout:g} s{seen}"
        raise DutError(Status.FAILED, words) from None
    finally:
        watch.conversation.close()
    raise DutError(Status.FAILED, "the console ended")


def _log(options: ConsoleOptions, *, json: bool) -> int:
    """Replay from the job's start; with times, one before each line."""
    conversation = DutConversation("console.log", options.name, times=options.times)
    output = binary_output()
    stamped = Stamps(output) if options.times else None
    result: dict[str, Any] = {}
    for letter, data in conversation.frames():
        if letter == DATA:
            if stamped is not None:
                stamped.write(data)
            elif not json:
                output.write(data)
        elif letter == NOTE:
            words = unpack_words(data)
            if stamped is not None and "at" in words:
                stamped.at(int(words["at"]), str(words["event"]))
            else:
                tell(words)
        else:
            result = answer(unpack_words(data))
    conversation.close()
    if json:
        show_json(result)
    return Status.DONE


class Stamps:
    """Write lines with their times."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._stamp = b""
        self._fresh = True

    def at(self, micros: int, event: str) -> None:
        """Learn when the next bytes came, or what happened then."""
        seconds, rest = divmod(micros, 1_000_000)
        day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        self._stamp = f"{day}.{rest // 1000:03d}Z ".encode()
        if event != "bytes":
            words = {"vanished": "the port vanished", "back": "the port was opened"}.get(event, "?")
            self._output.write((b"" if self._fresh else b"\n") + self._stamp)
            self._output.write(f"[{words}]\n".encode())
            self._fresh = True

    def write(self, data: bytes) -> None:
        """Write bytes, each line behind its time."""
        for line in data.splitlines(keepends=True) if b"\n" in data else [data]:
            if self._fresh:
                self._output.write(self._stamp)
            self._output.write(line)
            self._fresh = line.endswith(b"\n")


def _pipe(options: ConsoleOptions) -> int:
    """Join standard input and output to the console, as it is without a terminal."""
    conversation = DutConversation("console.attach", options.name, write=True, take=options.take)
    threading.Thread(target=_pump, args=(conversation,), daemon=True).start()
    output = binary_output()
    for letter, data in conversation.frames():
        if letter == DATA:
            output.write(data)
            output.flush()
        elif letter == NOTE:
            tell(unpack_words(data))
        else:
            answer(unpack_words(data))
    return Status.DONE


def _pump(conversation: DutConversation) -> None:
    """Send standard input on, to its end."""
    while data := os.read(sys.stdin.fileno(), PIECE):
        conversation.send(data)
    conversation.end()
