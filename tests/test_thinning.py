"""Lines of one kind are thinned out, and what was left out is told."""

import io
import json
import logging
from datetime import timedelta

import pytest

from boruta_farm.dryad import logs as agent_logs
from boruta_farm.server import logs as server_logs
from boruta_farm.thinning import AT_ONCE, FACTS, PER_SECOND, Thinning, ToldFormatter
from tests.store.making import HandClock

OURS = "boruta_farm.test"
EVERY = timedelta(seconds=1 / PER_SECOND)


def record(
    text: str, *arguments: object, name: str = OURS, level: int = logging.INFO
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, text, arguments, None)


class Log:
    """Write lines through a thinning whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self._thinning = Thinning(self.clock)
        self._form = ToldFormatter("%(message)s")

    def write(self, *records: logging.LogRecord) -> list[str]:
        """Return the lines that are written."""
        return [self._form.format(each) for each in records if self._thinning.filter(each)]


def test_a_flood_of_one_kind_is_cut_off_and_says_so_once() -> None:
    lines = Log().write(*(record("refused %s", n) for n in range(5 * AT_ONCE)))
    assert len(lines) == AT_ONCE
    assert lines[-2] == f"refused {AT_ONCE - 2}"
    assert lines[-1] == (
        f"refused {AT_ONCE - 1} (more like this are counted, and shown now and then)"
    )


def test_what_was_left_out_is_told_with_the_next_line() -> None:
    log = Log()
    log.write(*(record("refused %s", n) for n in range(AT_ONCE + 7)))
    log.clock.advance(EVERY)
    assert log.write(record("refused %s", 8), record("refused %s", 9)) == [
        "refused 8 (7 more like this were left out)"
    ]
    log.clock.advance(AT_ONCE * EVERY)
    assert log.write(record("refused %s", 10)) == ["refused 10 (1 more like this were left out)"]
    assert log.write(record("refused %s", 11)) == ["refused 11"]


def test_whoever_causes_one_kind_hides_no_other() -> None:
    log = Log()
    log.write(*(record("refused %s", n) for n in range(2 * AT_ONCE)))
    assert log.write(record("worker %s: failed", "a")) == ["worker a: failed"]
    assert log.write(record("refused %s", "x", name="boruta_farm.other")) == ["refused x"]


def test_a_library_has_one_kind_whatever_its_texts() -> None:
    texts = [record(f"told {n}", name="asyncio") for n in range(2 * AT_ONCE)]
    assert len(Log().write(*texts)) == AT_ONCE


@pytest.mark.parametrize(
    "exempt", [{"name": FACTS}, {"level": logging.DEBUG}], ids=["facts", "debug"]
)
def test_facts_and_what_was_asked_for_are_told_whole(exempt: dict[str, object]) -> None:
    name, level = str(exempt.get("name", OURS)), int(str(exempt.get("level", logging.INFO)))
    same = [record("the same", name=name, level=level) for _ in range(2 * AT_ONCE)]
    assert Log().write(*same) == ["the same"] * (2 * AT_ONCE)


@pytest.mark.parametrize(
    "writer",
    [
        lambda stream: server_logs.writer("human", stream),
        lambda stream: server_logs.writer("json", stream),
        lambda stream: agent_logs.writer("", stream),
    ],
    ids=["server", "server, json", "agent"],
)
def test_every_log_of_ours_is_thinned_out(writer: object) -> None:
    assert callable(writer)
    stream = io.StringIO()
    handler = writer(stream)
    for number in range(5 * AT_ONCE):
        handler.handle(record("refused %s", number))
    # A second or so passes meanwhile on a busy machine.
    assert AT_ONCE <= len(stream.getvalue().splitlines()) <= AT_ONCE + 5


def test_programs_read_how_many_were_left_out() -> None:
    left = record("refused %s", 1)
    left.__dict__["left_out"] = 7
    found = json.loads(server_logs.JsonFormatter().format(left))
    assert (found["message"], found["left_out"]) == ("refused 1", 7)
