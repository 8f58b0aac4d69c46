"""What jobs taught is saved with what ends them, and read back at a start."""

from datetime import datetime, timedelta

import pytest

from boruta_farm.model.errors import RequestStateError
from boruta_farm.model.events import EventKind
from boruta_farm.model.summary import Summary
from boruta_farm.store import flush
from boruta_farm.store.base import Decide, Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.farms import Farm
from tests.store.making import START, HandClock, make_request

LENGTHS = Summary(subject="length/0a/änn", values=(60.0, 90.5), updated=START)


def learning(
    *summaries: Summary, error: Exception | None = None
) -> Decide[tuple[Summary | None, ...]]:
    """Return a command that saves summaries with a new request, and answers with what it reads."""

    def decide(tx: Transaction, now: datetime) -> tuple[Summary | None, ...]:
        before = tuple(tx.summary(summary.subject) for summary in summaries)
        for summary in summaries:
            tx.save_summary(summary)
        tx.save_request(make_request(tx.next_request_id()), EventKind.REQUEST_CREATED)
        if error is not None:
            raise error
        return (*before, *(tx.summary(summary.subject) for summary in summaries))

    return decide


async def test_a_summary_is_read_in_its_command_in_the_next_and_after_a_new_start(
    farm: Farm,
) -> None:
    store = await farm.open()
    more = Summary(subject=LENGTHS.subject, values=(1.0,), updated=START + timedelta(hours=1))
    assert await store.execute(learning(LENGTHS)) == (None, LENGTHS)
    assert await store.execute(learning(more)) == (LENGTHS, more)
    store = await farm.reopen()
    assert (await store.snapshot()).summaries == (more,)


async def test_a_refused_command_teaches_nothing(store: DatabaseStore) -> None:
    with pytest.raises(RequestStateError):
        await store.execute(learning(LENGTHS, error=RequestStateError()))
    assert (await store.snapshot()).summaries == ()


async def test_what_taught_nothing_for_longest_is_pruned(
    farm: Farm, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "SUMMARIES_KEPT", 2)
    store = await farm.open()
    hours = range(4)
    await store.execute(
        learning(
            *(
                Summary(subject=f"s{n}", values=(1.0,), updated=START + timedelta(hours=n))
                for n in hours
            )
        )
    )
    clock.advance(timedelta(minutes=2))
    await store.execute(learning())
    left = sorted(summary.subject for summary in (await store.snapshot()).summaries)
    assert left == ["s2", "s3"]
