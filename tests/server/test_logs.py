"""Lines of the log: one fact each, whatever a text contains."""

import json
import logging

import pytest

from boruta_farm.server.logs import HumanFormatter, JsonFormatter, one_line


def _record(text: str, **facts: object) -> logging.LogRecord:
    record = logging.LogRecord("boruta_farm.test", logging.INFO, "", 0, text, (), None)
    record.created = 1_780_000_000.25
    record.__dict__.update(facts)
    return record


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, łódź", "plain, łódź"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("", ""),
    ],
)
def test_no_text_can_forge_a_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_people_read_time_level_message_and_the_facts_there_are() -> None:
    record = _record("worker.state", worker="board\n1", epoch=3, state=None, request=7)
    line = HumanFormatter().format(record)
    assert (
        line
        == "2026-05-28T20:26:40.250+00:00 INFO    worker.state request=7 worker=board\\n1 epoch=3"
    )


def test_programs_read_the_same_as_json() -> None:
    record = _record("worker.state", worker="board-1", epoch=3, state=None)
    found = json.loads(JsonFormatter().format(record))
    assert found == {
        "at": "2026-05-28T20:26:40.250000+00:00",
        "level": "info",
        "logger": "boruta_farm.test",
        "message": "worker.state",
        "worker": "board-1",
        "epoch": 3,
    }
