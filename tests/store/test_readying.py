"""A board that is made ready for one request is held: no other job gets it, in either database."""

from dataclasses import replace
from datetime import datetime

import pytest

from boruta_farm.model.errors import TransitionError
from boruta_farm.model.events import EventKind
from boruta_farm.model.job import JobPhase
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.making import creating, make_job, make_request, make_worker, reading, registering


async def test_no_other_job_gets_its_board(store: DatabaseStore) -> None:
    worker = make_worker()
    await store.execute(registering(worker))
    number = await store.execute(creating())
    job = make_job(number, worker, phase=JobPhase.READYING, progress="writing")

    def hold(tx: Transaction, _: datetime) -> None:
        held = replace(make_request(number, job=job), image="https://a/b#sha256=0", revision=2)
        tx.save_request(held, EventKind.REQUEST_READYING)

    await store.execute(hold)
    kept = await store.get_request(number)
    assert kept is not None
    assert (kept.job, kept.image) == (job, "https://a/b#sha256=0")
    other = await store.execute(creating())

    def take(tx: Transaction, _: datetime) -> None:
        taken = make_job(other, worker, epoch=job.epoch + 1, phase=JobPhase.LIVE)
        tx.save_request(
            replace(make_request(other, job=taken), revision=2), EventKind.REQUEST_STARTED
        )

    assert await store.execute(reading(lambda tx: tx.holder(worker.uuid))) == kept
    with pytest.raises(TransitionError):
        await store.execute(take)
    assert await store.get_request(number) == kept
