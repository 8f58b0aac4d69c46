from typing import Any

import pytest

from boruta_farm.web.bodies import Reader
from boruta_farm.web.errors import MalformedBodyError, MissingBodyError
from boruta_farm.web.requests import REQUEST_BODY, REQUEST_LIST
from boruta_farm.web.workers import DESCRIPTION_BODY, GROUPS_BODY, STATE_BODY, WORKER_LIST


def read(body: bytes) -> Any:
    found = REQUEST_BODY.read(body)
    assert found is not None
    return found


def test_reads_what_the_original_client_sends() -> None:
    body = read(
        b'{"ID":0,"Priority":8,"Owner":{"Groups":null},"Deadline":"0001-01-01T00:00:00Z",'
        b'"ValidAfter":"2026-11-23T20:07:44.842418913Z","State":"","Job":null,"Caps":{"a":"b"}}'
    )
    assert (body.id, body.priority, body.caps) == (0, 8, {"a": "b"})


@pytest.mark.parametrize(
    ("body", "priority"),
    [
        (b'{"priority":8}', 8),
        (b'{"PRIORITY":8} and what follows', 8),
        (b' \n{"Priority":8}{"Priority":9}', 8),
        (b'{"Priority":1,"priority":8}', 8),
        (b'{"priority":8,"Priority":1}', 1),
        (b'{"Priority":8,"Colour":{"deep":[1,{"er":null}]}}', 8),
        (b'{"priority":8,"Priority":null}', 8),
        (b'{"Priority":null}', None),
        ('{"\u017ftate":"x","Priority":8}'.encode(), 8),
    ],
)
def test_is_as_lenient_as_go(body: bytes, priority: int | None) -> None:
    assert read(body).priority == priority


def test_both_ways_of_reading_agree() -> None:
    exact = b'{"Priority":3,"Caps":{"a":"\\u00e9","b":""},"Owner":{"Groups":["x"]}}'
    assert read(exact) == read(exact + b" rest")


def test_null_in_caps_is_an_empty_text() -> None:
    assert read(b'{"Priority":8,"Caps":{"a":null}}').caps == {"a": ""}


def test_repeated_maps_are_merged() -> None:
    assert read(b'{"Caps":{"a":"1","b":"1"},"caps":{"b":"2"}}').caps == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (b'"\\ud800"', "\ufffd"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xff"', "\ufffd"),
    ],
)
def test_ill_formed_text_never_gets_further(text: bytes, stored: str) -> None:
    caps = read(b'{"Caps":{"a":%s}}' % text).caps
    assert caps == {"a": stored}
    assert stored.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
    ],
)
def test_says_when_there_is_no_body(body: bytes) -> None:
    with pytest.raises(MissingBodyError, match="no body provided in HTTP request"):
        REQUEST_BODY.read(body)


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b'{"Priority":',
        b"[]",
        b'"text"',
        b"7",
        b"true",
        b'{"Priority":"8"}',
        b'{"Priority":8.0}',
        b'{"Priority":8e0}',
        b'{"Priority":true}',
        b'{"Priority":256}',
        b'{"Priority":-1}',
        b'{"priority":256}',
        b'{"Priority":NaN}',
        b'{"Priority":%s}' % (b"9" * 5000),
        b'{"Caps":[1]}',
        b'{"Caps":[]}',
        b'{"Caps":{"a":1}}',
        b'{"Caps":"x"}',
        b'{"Deadline":12345}',
        b'{"State":5}',
        b'{"Job":[]}',
        b'{"Owner":{"Groups":{}}}',
        b'{"Owner":{"Groups":[1]}}',
        b'{"ID":-1}',
        b'{"SSHKey":1}',
        b'{"KeepAlive":"60"}',
        b'\xef\xbb\xbf{"Priority":8}',
        b"{'Priority':8}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_refuses_what_go_refuses(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        REQUEST_BODY.read(body)


@pytest.mark.parametrize("body", [b'{"a":{"b":1}}', b"{}"])
def test_an_object_in_a_wrong_place_is_called_an_object(body: bytes) -> None:
    with pytest.raises(MalformedBodyError, match="not an object"):
        GROUPS_BODY.read(body)
    with pytest.raises(MalformedBodyError, match="not an object"):
        REQUEST_BODY.read(b'{"Priority":%s}' % body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"Length":-1}', "Length: 0 at least"),
        (b'{"Length":1e14}', "Length: 31622400 at most"),
        (b'{"Priority":"x"}', "Priority: a whole number or null is wanted, not a text"),
        (b'{"Caps":{"a":[]}}', "Caps[...]: a text is wanted, not a list"),
        (b'{"Priority":%s}' % (b"9" * 9000), "a number has more digits than any that can be meant"),
        (b"[1]", "an object or null is wanted, not a list"),
    ],
)
def test_what_is_wrong_is_said_in_words(body: bytes, words: str) -> None:
    with pytest.raises(MalformedBodyError) as caught:
        REQUEST_BODY.read(body)
    assert str(caught.value) == words


def test_what_is_too_long_or_unknown_is_said_in_words() -> None:
    with pytest.raises(MalformedBodyError, match=r"^Notes: 8192 characters at most$"):
        DESCRIPTION_BODY.read(b'{"Notes":"%s"}' % (b"a" * 9000))
    with pytest.raises(MalformedBodyError, match=r"^there is no Nope here$"):
        DESCRIPTION_BODY.read(b'{"Nope":1}')


def test_null_is_told_from_an_empty_object() -> None:
    assert REQUEST_LIST.read(b"null") is None
    assert REQUEST_LIST.read(b"null rest") is None
    assert REQUEST_LIST.read(b"{}") is not None


def test_reads_the_other_bodies_leniently_too() -> None:
    listed = REQUEST_LIST.read(b'{"filter":{"ids":[1,null],"STATES":["DONE"]}} x')
    assert listed is not None
    assert listed.filter is not None
    assert (listed.filter.ids, listed.filter.states) == ([1, 0], ["DONE"])
    workers = WORKER_LIST.read(b'{"filter":{"capabilities":{"a":null},"groups":[null]}}')
    assert workers is not None
    assert workers.filter is not None
    assert (workers.filter.capabilities, workers.filter.groups) == ({"a": ""}, [""])
    state = STATE_BODY.read(b'{"workerstate":"IDLE","afterjob":true}')
    assert state is not None
    assert (state.worker_state, state.after_job) == ("IDLE", True)
    assert GROUPS_BODY.read(b'["b",null]') == ["b", ""]
    assert GROUPS_BODY.read(b"null") is None


def test_reader_of_a_plain_type() -> None:
    assert Reader(dict[str, int]).read(b'{"a":1} x') == {"a": 1}
