"""Answers to new requests warn of what no registered board could serve."""

from datetime import UTC, datetime

import pytest

from boruta_farm.contracts import Explanation, Filed
from boruta_farm.model.explanation import Cause
from boruta_farm.web.answers import told as encoded
from boruta_farm.web.answers import warned


def told(cause: Cause) -> bytes:
    outlook = Explanation(
        request_id=7,
        state="WAITING",
        position=1,
        wanted=("ram >= 16",),
        unknown=("ram >= 16",),
        registered=1,
        groups=("ci",),
        other_groups=2,
        cause=cause,
    )
    return encoded(warned(Filed(id=7, outlook=outlook), datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("cause", "warning"),
    [
        (Cause.NO_BOARD, b"no registered board has ram >= 16"),
        (
            Cause.GROUPS,
            b"2 boards have what is asked for, but none serves the owner's groups (ci)",
        ),
    ],
)
def test_what_nobody_could_serve_is_warned_of(cause: Cause, warning: bytes) -> None:
    body = told(cause)
    assert b'"ReqID":7' in body
    assert b'"Warnings":["%s"]' % warning in body


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.NO_BOARD, Cause.GROUPS}))
def test_what_only_has_to_wait_is_not(cause: Cause) -> None:
    assert b"Warnings" not in told(cause)
