"""Every committed change is one line of the log."""

import asyncio
import logging

import pytest

from boruta_farm.farm import chronicle
from boruta_farm.model.events import Change, Event, EventKind, Identity
from boruta_farm.server.logs import FACTS
from tests.store.making import START, make_job, make_request, make_worker
from tests.store.test_people import ACCOUNT, GROUP, TOKEN

WORKER = make_worker(1, epoch=4)
CHANGES = (
    Change(
        event=Event(number=1, at=START, kind=EventKind.REQUEST_CREATED, request_id=7),
        request=make_request(7),
    ),
    Change(
        event=Event(number=2, at=START, kind=EventKind.REQUEST_STARTED, request_id=7),
        request=make_request(7, job=make_job(7, WORKER)),
    ),
    Change(
        event=Event(
            number=3,
            at=START,
            kind=EventKind.WORKER_STATE,
            worker=WORKER.uuid,
            state="FAILED",
            reason="fan",
        ),
        worker=WORKER,
    ),
)


async def test_lines_come_once_those_who_wait_were_woken(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=chronicle.logger.name)
    woken = asyncio.get_running_loop().create_future()

    async def wait() -> int:
        await woken
        return len(caplog.records)

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    woken.set_result(None)
    chronicle.follow(CHANGES)
    assert await waiting == 0
    await asyncio.sleep(0)
    found = [(r.levelname, r.getMessage(), vars(r)["epoch"]) for r in caplog.records]
    assert found == [("INFO", "request.started", 4), ("WARNING", "worker.state: fan", 4)]
    assert [vars(record)["worker"] for record in caplog.records] == [WORKER.uuid, WORKER.name]


async def test_what_is_uneventful_is_told_where_all_is(caplog: pytest.LogCaptureFixture) -> None:
    for level, told in ((logging.INFO, []), (logging.DEBUG, ["request.created"])):
        caplog.set_level(level, logger=chronicle.logger.name)
        chronicle.follow(CHANGES[:1])
        await asyncio.sleep(0)
        assert [record.getMessage() for record in caplog.records] == told


@pytest.mark.parametrize(
    ("identity", "kind", "facts"),
    [
        (ACCOUNT, EventKind.ACCOUNT_CHANGED, {"account": ACCOUNT.name}),
        (GROUP, EventKind.GROUP_CHANGED, {"group": GROUP.name}),
        (TOKEN, EventKind.TOKEN_ISSUED, {"account": TOKEN.account_name, "token": TOKEN.id}),
    ],
)
def test_what_changed_of_people_is_named_without_a_secret(
    identity: Identity, kind: EventKind, facts: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=chronicle.logger.name)
    event = Event(number=1, at=START, kind=kind)
    chronicle.record((Change(event=event, identity=identity),))
    (line,) = caplog.records
    assert {name: value for name, value in vars(line).items() if value and name in FACTS} == facts
