"""Records survive being rows."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.model.errors import InvalidError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, SessionKey, Worker, WorkerState
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.rows import mapping_text, micros, moment, pair_text
from tests.store.making import START, changing, creating, make_job, make_worker, registering

MOMENTS = st.datetimes(timezones=st.just(UTC))
STEP = timedelta(microseconds=1)


@given(MOMENTS)
def test_times_keep_their_microseconds(time: datetime) -> None:
    assert moment(micros(time)) == time


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_every_pair_is_found_in_the_mappings_text(caps: dict[str, str]) -> None:
    for key, value in caps.items():
        assert pair_text(key, value) in mapping_text(caps)


async def test_a_full_request_comes_back_as_it_was(store: DatabaseStore) -> None:
    worker = make_worker(epoch=7)
    await store.run(registering(worker))
    number = await store.run(creating(caps=None, keep_alive=60, ssh_key="ssh-ed25519 AAAA me@ż"))
    job = make_job(
        number,
        worker,
        phase=JobPhase.OPENING,
        granted=START + STEP,
        timeout=START + 2 * STEP,
        limit=START + 3 * STEP,
        prolong_seq=4,
        wanted_timeout=START + 5 * STEP,
        keep_alive_until=START + 6 * STEP,
        waited=True,
        ended=START + 7 * STEP,
    )
    full = await store.run(
        changing(
            number,
            owner="ann",
            owner_groups=frozenset({"b", "a"}),
            priority=1,
            state=RequestState.FAILED,
            caps={"key": 'va"lue', "ż": "\ud800\0"},
            selector='"a b" in ("ż", "\\"\\\\")',
            valid_after=START + 8 * STEP,
            deadline=START + 9 * STEP,
            orphaned_since=START + 10 * STEP,
            finished=START + 11 * STEP,
            reason="it's over: \\ \" é",
            job=job,
        )
    )
    assert all(getattr(full, field.name) is not None for field in fields(Request))
    assert await store.get_request(number) == full


async def test_a_full_worker_comes_back_as_it_was(store: DatabaseStore) -> None:
    full = make_worker(
        state=WorkerState.BUSY,
        since=START + STEP,
        groups=("a", "ż"),
        epoch=2**40,
        fence=Fence.NONE,
        registered=START + 2 * STEP,
        reason="r",
        username="u",
        host_key="h",
        boot_id="b",
        credential="c",
        credential_since=START + 4 * STEP,
        next_credential="n",
        asked_name="a",
        after_job=True,
        idle_again=True,
        unreachable_since=START + 3 * STEP,
        facts={"kernel": "6.1"},
    )
    assert all(getattr(full, field.name) is not None for field in fields(Worker))
    await store.run(registering(full))
    assert await store.get_worker(full.uuid) == full
    assert await store.get_worker(full.name) == full


@pytest.mark.parametrize("sealed", [None, b"", b"\0\xff sealed"])
async def test_a_session_key_comes_back_as_it_was(
    store: DatabaseStore, sealed: bytes | None
) -> None:
    key = SessionKey(worker="w", epoch=3, public="ssh-rsa AAAA", sealed=sealed)
    old = SessionKey(worker="w", epoch=3, public="old", sealed=b"old")
    await store.run(lambda tx, now: tx.save_key(old))
    await store.run(lambda tx, now: tx.save_key(key))
    assert await store.get_session_key("w", 3) == key
    assert await store.get_session_key("w", 4) is None


async def test_a_text_with_nul_is_refused(store: DatabaseStore) -> None:
    number = await store.run(creating())
    with pytest.raises(InvalidError, match="NUL"):
        await store.run(changing(number, reason="a\0b"))
    assert await store.get_worker("a\0b") is None
    assert await store.get_worker("\ud800") is None
    assert await store.get_session_key("a\0b", 1) is None


async def test_a_text_that_no_database_keeps_is_refused_alone(store: DatabaseStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.run(creating(reason="\ud800"))
    assert await store.run(creating()) == 1


async def test_events_tell_state_and_reason(store: DatabaseStore) -> None:
    worker = make_worker(reason="new here", state=WorkerState.MAINTENANCE)

    def decide(tx: Transaction, now: datetime) -> None:
        tx.save_worker(worker, EventKind.WORKER_REGISTERED)
        creating(reason="why")(tx, now)
        changing(1, EventKind.REQUEST_OPENING, job=make_job(1, worker))(tx, now)

    await store.run(decide)
    told = [
        (event.kind, event.request_id, event.worker, event.state, event.reason)
        for event in await store.events(0, 10)
    ]
    assert told == [
        ("worker.registered", None, worker.uuid, "MAINTENANCE", "new here"),
        ("request.created", 1, None, "WAITING", "why"),
        ("request.opening", 1, worker.uuid, "WAITING", "why"),
    ]
