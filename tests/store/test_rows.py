"""Records survive being rows."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.model.account import Account, Group
from boruta_farm.model.audit import AuditEntry
from boruta_farm.model.declared import declared
from boruta_farm.model.errors import InvalidError
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.summary import Summary
from boruta_farm.model.token import Token
from boruta_farm.model.worker import SessionKey, Worker, WorkerState
from boruta_farm.store import rows
from boruta_farm.store.base import Transaction
from boruta_farm.store.codec import Codec
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.values import mapping_text, micros, moment, pair_text
from tests.store.making import (
    changing,
    creating,
    full,
    make_job,
    make_request,
    make_worker,
    reading,
    registering,
    saving,
)

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS)
def test_times_keep_their_microseconds(time: datetime) -> None:
    assert moment(micros(time)) == time


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_every_pair_is_found_in_the_mappings_text(caps: dict[str, str]) -> None:
    for key, value in caps.items():
        assert pair_text(key, value) in mapping_text(caps)


CODECS: dict[type, Codec[Any]] = {
    Request: rows.REQUEST,
    Job: rows.JOB,
    Worker: rows.WORKER,
    SessionKey: rows.SESSION_KEY,
    Event: rows.EVENT,
    Summary: rows.SUMMARY,
    AuditEntry: rows.ENTRY,
    Account: rows.ACCOUNT,
    Group: rows.GROUP,
    Token: rows.TOKEN,
}


@pytest.mark.parametrize("kind", CODECS)
def test_every_field_of_a_record_survives(kind: type) -> None:
    whole: Any = full(kind)
    codec = CODECS[kind]
    row = codec.row(whole)
    assert len(row) == len(codec.columns)
    assert {type(value) for value in row} <= {int, str, bool}
    for column, value in zip(codec.columns, row, strict=True):
        assert type(value) is {"bigint": int, "text": str, "boolean": bool}[column.kind]
    job = rows.JOB.row(whole.job) if kind is Request else ()
    back = codec.record((*row, *job))
    assert back == whole
    for field in declared(kind):
        assert type(getattr(back, field.name)) is type(getattr(whole, field.name)), field.name


@pytest.mark.parametrize("kind", CODECS)
def test_what_may_be_absent_survives_as_absent(kind: type) -> None:
    whole: Any = full(kind)
    codec = CODECS[kind]
    bare = replace(whole, **{f.name: None for f in declared(kind) if f.optional})
    row = codec.row(bare)
    absent = [column.name for column in codec.columns if not column.needed]
    found = [c.name for c, value in zip(codec.columns, row, strict=True) if value is None]
    assert found == absent
    job = (None,) * len(rows.JOB.columns) if kind is Request else ()
    assert codec.record((*row, *job)) == bare


@pytest.mark.parametrize("kind", CODECS)
def test_no_text_with_nul_becomes_a_row(kind: type) -> None:
    whole: Any = full(kind)
    codec = CODECS[kind]
    for field in declared(kind):
        if field.kind is str:
            with pytest.raises(InvalidError, match="NUL"):
                codec.row(replace(whole, **{field.name: "a\0b"}))


def test_a_time_that_is_mostly_another_is_the_same_object() -> None:
    job = (None,) * len(rows.JOB.columns)
    back = rows.REQUEST.record((*rows.REQUEST.row(make_request()), *job))
    assert back.valid_after is back.created


def test_equal_capabilities_are_one_object_and_facts_are_not_kept() -> None:
    first, second = (
        rows.WORKER.record(rows.WORKER.row(make_worker(caps={"UUID": "x"}, facts={"a": "b"})))
        for _ in range(2)
    )
    assert first.caps is second.caps
    assert first.facts is not second.facts


async def test_a_full_request_comes_back_as_it_was(store: DatabaseStore) -> None:
    worker = make_worker(epoch=7)
    await store.execute(registering(worker))
    number = await store.execute(creating())
    job = full(Job, request_id=number, worker=worker.uuid, epoch=worker.epoch)
    whole = full(Request, id=number, revision=2, job=job)
    await store.execute(saving(whole))
    assert await store.get_request(number) == whole
    assert await store.execute(reading(lambda tx: tx.request(number))) == whole


async def test_a_full_worker_comes_back_as_it_was(store: DatabaseStore) -> None:
    first = full(Worker, revision=1)
    whole = replace(first, revision=2, name="another", labels={"rack": "b"})
    for worker in (first, whole):
        await store.execute(registering(worker))
        assert await store.get_worker(worker.uuid) == worker
        assert await store.get_worker(worker.name) == worker


@pytest.mark.parametrize("sealed", [None, b"", b"\0\xff sealed"])
async def test_a_session_key_comes_back_as_it_was(
    store: DatabaseStore, sealed: bytes | None
) -> None:
    key = SessionKey(worker="w", epoch=3, public="ssh-rsa AAAA", sealed=sealed)
    old = SessionKey(worker="w", epoch=3, public="old", sealed=b"old")
    await store.execute(lambda tx, now: tx.save_key(old))
    await store.execute(lambda tx, now: tx.save_key(key))
    assert await store.get_session_key("w", 3) == key
    assert await store.get_session_key("w", 4) is None


async def test_a_text_with_nul_is_refused(store: DatabaseStore) -> None:
    number = await store.execute(creating())
    with pytest.raises(InvalidError, match="NUL"):
        await store.execute(changing(number, reason="a\0b"))
    assert await store.get_worker("a\0b") is None
    assert await store.get_worker("\ud800") is None
    assert await store.get_session_key("a\0b", 1) is None


async def test_a_text_that_no_database_keeps_is_refused_alone(store: DatabaseStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.execute(creating(reason="\ud800"))
    assert await store.execute(creating()) == 1


async def test_events_tell_state_and_reason(store: DatabaseStore) -> None:
    worker = make_worker(reason="new here", state=WorkerState.MAINTENANCE)

    def decide(tx: Transaction, now: datetime) -> None:
        tx.save_worker(worker, EventKind.WORKER_REGISTERED)
        creating(reason="why")(tx, now)
        changing(1, EventKind.REQUEST_OPENING, job=make_job(1, worker))(tx, now)

    await store.execute(decide)
    told = [
        (event.kind, event.request_id, event.worker, event.state, event.reason)
        for event in await store.events(0, 10)
    ]
    assert told == [
        ("worker.registered", None, worker.uuid, "MAINTENANCE", "new here"),
        ("request.created", 1, None, "WAITING", "why"),
        ("request.opening", 1, worker.uuid, "WAITING", "why"),
    ]
