"""Threat: who is not known here fills journal and audit, each time under another name."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import EnrolmentError, TooManyCallsError
from boruta_farm.model.permission import Scope
from boruta_farm.model.settings import Enrolment, FarmSettings
from boruta_farm.model.token import NewToken, TokenKind
from boruta_farm.model.worker import Fence, Registration
from tests.farm.people import PeopledFarm, peopled_farm

TRIES = 500


def board(number: int, source: str = "192.0.2.66") -> Registration:
    return Registration(
        caps={"UUID": str(UUID(int=number))},
        dryad_address="192.0.2.66:7175",
        ssh_address="192.0.2.66:22",
        fence=Fence.AGENT,
        credential=f"hash {number}",
        source=source,
    )


async def written(people: PeopledFarm) -> tuple[int, int]:
    """Return how many entries audit and journal have."""
    return len(await people.store.audit(AuditFilter())), len(await people.store.events(0, 10_000))


def closed(enrolment: Enrolment) -> FarmSettings:
    return FarmSettings(enrolment=enrolment)


async def test_a_stranger_with_ever_other_ids_is_told_once_and_not_per_try(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, settings=closed(Enrolment.INVITED)) as people:
        refused = 0
        for number in range(TRIES):
            people.clock.advance(timedelta(seconds=1))  # As slowly as the rate lets it.
            with pytest.raises((EnrolmentError, TooManyCallsError)):
                await people.farm.superviser.register(board(number))
            refused += 1
        audit, journal = await written(people)
        assert refused == TRIES
        assert audit <= TRIES.bit_length()
        assert journal == 0


async def test_where_boards_may_enrol_he_registers_no_more_than_so_many(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, settings=closed(Enrolment.OPEN)) as people:
        let_in = await register_many(people, (board(number) for number in range(TRIES)))
        assert let_in == FarmSettings().new_boards_per_source
        audit, journal = await written(people)
        assert journal == let_in
        # Two entries of each that was let in, and a few that more were refused.
        assert audit <= 2 * let_in + TRIES.bit_length()


async def test_nor_do_many_addresses_together(tmp_path: Path) -> None:
    settings = FarmSettings(enrolment=Enrolment.OPEN, new_boards=50)
    async with peopled_farm(tmp_path, settings=settings) as people:
        boards = (board(n, f"2001:db8:0:{n:x}::1") for n in range(200))
        assert await register_many(people, boards) == 50
        audit, _journal = await written(people)
        assert audit <= 2 * 50 + 31


async def test_boards_that_are_known_or_invited_come_in_all_the_same(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path, settings=closed(Enrolment.OPEN)) as people:
        await people.farm.superviser.register(board(TRIES))
        await register_many(people, (board(number) for number in range(TRIES)))
        await people.farm.superviser.register(board(TRIES))
        issued = await people.farm.tokens.issue(
            LOCAL_ADMIN,
            NewToken(account="admin", kind=TokenKind.JOIN, scope=Scope.READ, uses=1),
        )
        await people.farm.directory.load()
        newcomer = replace(board(TRIES + 1), join_token=issued.secret)
        await people.farm.superviser.register(newcomer)
        with pytest.raises(TooManyCallsError, match="does not know"):
            await people.farm.superviser.register(board(TRIES + 2))
        with pytest.raises(TooManyCallsError, match="does not know"):
            await people.farm.superviser.recognise(board(TRIES + 2))


async def register_many(people: PeopledFarm, boards: Iterable[Registration]) -> int:
    """Register as many as are let in, and return how many."""
    let_in = 0
    for one in boards:
        try:
            await people.farm.superviser.register(one)
        except TooManyCallsError:
            continue
        let_in += 1
    return let_in
