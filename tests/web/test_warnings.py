"""Answers to new requests warn of what no registered board could serve."""

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
        matching={},
        holders=(),
        text="no registered board has ram >= 16",
        cause=cause,
    )
    return encoded(warned(Filed(id=7, outlook=outlook)))


@pytest.mark.parametrize("cause", [Cause.NO_BOARD, Cause.GROUPS])
def test_what_nobody_could_serve_is_warned_of(cause: Cause) -> None:
    body = told(cause)
    assert b'"ReqID":7' in body
    assert b'"Warnings":["no registered board has ram >= 16"]' in body


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.NO_BOARD, Cause.GROUPS}))
def test_what_only_has_to_wait_is_not(cause: Cause) -> None:
    assert b"Warnings" not in told(cause)
