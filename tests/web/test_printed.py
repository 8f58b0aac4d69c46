"""Requests are printed once, and never with what another caller may see."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from boruta_farm.model.request import Request, RequestState
from boruta_farm.web.answers import encode, request_answer
from boruta_farm.web.printed import Printed

NOW = datetime(2026, 11, 23, 20, 7, 42, 739845, tzinfo=UTC)


def request(number: int = 6) -> Request:
    return Request(
        id=number,
        owner="alice",
        owner_groups=frozenset({"lab"}),
        priority=8,
        valid_after=NOW,
        deadline=NOW + timedelta(days=30),
        state=RequestState.WAITING,
        caps={"type": "t1", "arch": "arm"},
        created=NOW,
        ssh_key="ssh-ed25519 AAAA alice",
    )


def test_a_record_is_printed_once() -> None:
    printed, known = Printed(), request()
    text = printed.one(known)
    assert text == encode(request_answer(known))
    assert printed.one(known) is text


def test_a_changed_request_is_printed_anew() -> None:
    printed, known = Printed(), request()
    printed.one(known)
    changed = replace(known, revision=2, state=RequestState.CANCELLED)
    assert json.loads(printed.one(changed))["State"] == "CANCELLED"
    assert json.loads(printed.one(known))["State"] == "WAITING"


def test_what_one_caller_may_not_see_does_not_come_from_anothers_text() -> None:
    printed, known = Printed(), request()
    assert b"ssh-ed25519" in printed.one(known)
    assert b"ssh-ed25519" not in printed.one(replace(known, ssh_key=None))
    assert b"ssh-ed25519" in printed.one(known)


def test_a_text_goes_with_its_record() -> None:
    printed, kept = Printed(), request(1)
    printed.one(kept)
    printed.one(request(2))
    assert set(printed._printed) == {1}
    changed = replace(kept, revision=2)
    printed.one(changed)
    del kept
    assert set(printed._printed) == {1}, "the text of what took its place stays"
