import math

import pytest

from boruta_farm.dryad.reminders import Reminders, words


def test_two_warnings_before_the_end() -> None:
    reminders = Reminders()
    reminders.learn(1000.0, 0.0)
    assert reminders.due() == 700.0
    assert reminders.take(699.9) is None
    assert reminders.take(700.0) == words(300.0)
    assert reminders.due() == 940.0
    assert reminders.take(940.1) == words(59.9)
    assert reminders.due() is None
    assert reminders.take(999.0) is None


def test_a_short_job_is_not_warned_of_what_is_past() -> None:
    reminders = Reminders()
    reminders.learn(1120.0, 1000.0)
    assert reminders.due() == 1060.0


def test_a_prolonged_job_is_warned_anew() -> None:
    reminders = Reminders()
    reminders.learn(1000.0, 0.0)
    assert reminders.take(700.0) is not None
    reminders.learn(4600.0, 900.0)
    assert reminders.due() == 4300.0


@pytest.mark.parametrize("shift", [0.5, -0.5])
def test_an_end_told_again_after_a_reconnect_repeats_no_warning(shift: float) -> None:
    reminders = Reminders()
    reminders.learn(1000.0, 0.0)
    assert reminders.take(700.0) is not None
    reminders.learn(1000.0 + shift, 701.0)
    assert reminders.due() == 940.0 + shift


def test_warnings_missed_while_no_agent_ran_become_one() -> None:
    reminders = Reminders()
    reminders.learn(1000.0, -math.inf)
    assert reminders.take(960.0) == words(40.0)
    assert reminders.due() is None


def test_without_a_job_there_is_nothing_to_tell() -> None:
    reminders = Reminders()
    reminders.learn(1000.0, 0.0)
    reminders.learn(None, 10.0)
    assert reminders.due() is None


@pytest.mark.parametrize(
    ("remaining", "span"),
    [(300.0, "in 5 minutes"), (299.2, "in 5 minutes"), (60.0, "in 1 minute:"), (4.0, "in 1 minu")],
)
def test_the_words_name_whole_minutes(remaining: float, span: str) -> None:
    assert span in words(remaining)
