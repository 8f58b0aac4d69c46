"""The history is cut by the settings, and who asks for what went is told so."""

from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.farm.history import HistoryCutter
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.errors import RequestNotFoundError
from boruta_farm.model.request import NewRequest
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.standing import REMOVED
from boruta_farm.words.refusal import refusal
from boruta_farm.words.times import Times
from tests.farm.people import PeopledFarm, peopled_farm

DAY = timedelta(days=1)


async def filed(people: PeopledFarm, key: str | None = None) -> int:
    new = NewRequest(priority=8, caps={"arch": "arm"}, idempotency_key=key, body_hash=key)
    return (await people.farm.requests.new_request(LOCAL_ADMIN, new)).id


async def closed(people: PeopledFarm, caller: Caller = LOCAL_ADMIN) -> int:
    number = await filed(people)
    await people.farm.requests.close_request(caller, number)
    return number


def cutter(people: PeopledFarm, keep: timedelta, most: int = 0) -> HistoryCutter:
    settings = FarmSettings(history_keep=keep, history_requests=most)
    return HistoryCutter(people.farm.accounts._engine, people.store, settings)


async def test_what_went_is_told_apart_from_what_never_was(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, users=False) as people:
        gone = await closed(people)
        people.clock.advance(10 * DAY)
        assert not await cutter(people, timedelta()).cut(), "0 is for ever, and any number"
        assert await cutter(people, 7 * DAY).cut()
        with pytest.raises(RequestNotFoundError) as refused:
            await people.farm.requests.get_request_info(LOCAL_ADMIN, gone)
        assert refused.value.standing is not None
        assert refused.value.standing.state == REMOVED
        told = refusal(refused.value, Times(now=people.clock.now()))
        assert told == (
            "it was finished long ago and is not kept any more; what became of it, an admin finds "
            f"by: boruta audit --subject 'request {gone}'"
        )
        with pytest.raises(RequestNotFoundError) as never:
            await people.farm.requests.get_request_info(LOCAL_ADMIN, gone + 1)
        assert never.value.standing is None


async def test_the_audit_stays_whole_and_tells_of_what_went(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, users=False) as people:
        await closed(people)
        people.clock.advance(10 * DAY)
        await cutter(people, 7 * DAY).cut()
        while await people.farm.sealer.seal():
            pass
        verified = await people.farm.audit.verify(LOCAL_ADMIN)
        assert verified.broken is None


async def test_a_key_that_may_be_repeated_keeps_its_request(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, users=False) as people:
        number = await filed(people, "again")
        await people.farm.requests.close_request(LOCAL_ADMIN, number)
        people.clock.advance(DAY / 2)
        assert not await cutter(people, timedelta(seconds=1), 1).cut()
        assert await filed(people, "again") == number
