"""The audit: entered with every change, chained in order, and any tampering found."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.farm.audit import GATHER_SECONDS, Cutter
from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import Action, AuditEntry, AuditFilter, Note, seal_of
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import ForbiddenError, GroupNotFoundError
from boruta_farm.model.permission import Role
from boruta_farm.model.settings import FarmSettings
from tests.farm.people import SOURCE, PeopledFarm, peopled_farm

EVERYTHING = AuditFilter()


async def test_entries_are_written_with_their_change_and_a_refused_change_leaves_none(
    tmp_path: Path,
) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        issued = await people.account(root, "ann", "kernel")
        wrong = AccountChange(groups=("nowhere",))
        with pytest.raises(GroupNotFoundError):
            await people.farm.accounts.save_account(root, "ann", wrong)
        await people.farm.tokens.revoke(root, issued.token.id)
        entries = await people.farm.audit.list_entries(root, EVERYTHING)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        assert [(entry.action, entry.actor) for entry in entries] == [
            ("account.changed", "farm"),
            ("token.issued", "farm"),
            ("token.revoked", "farm"),
            ("token.issued", "farm"),
            ("login", "admin"),
            ("group.changed", "admin"),
            ("account.changed", "admin"),
            ("token.issued", "admin"),
            ("token.revoked", "admin"),
        ]
        assert {entry.source for entry in entries if entry.actor == "admin"} == {SOURCE}
        assert issued.secret not in repr(entries)
        assert issued.token.digest not in repr(entries)


async def test_entries_are_filtered(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        await people.account(root, "ann", "kernel")
        found = await people.farm.audit.list_entries(
            root, AuditFilter(actor="admin", action="account.changed")
        )
        assert [entry.subject for entry in found] == ["account ann"]
        late = await people.farm.audit.list_entries(root, AuditFilter(since=people.clock.now()))
        assert late
        assert not await people.farm.audit.list_entries(root, AuditFilter(until=late[0].at))


async def test_only_admins_and_auditors_read_it(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        directory = people.farm.directory
        eve = await people.account(root, "eve", role=Role.AUDITOR)
        await people.farm.audit.verify(directory.admit(eve.secret, SOURCE))
        for role in (Role.VIEWER, Role.USER, Role.GROUP_ADMIN):
            issued = await people.account(root, role.value, role=role)
            caller = directory.admit(issued.secret, SOURCE)
            with pytest.raises(ForbiddenError):
                await people.farm.audit.list_entries(caller, EVERYTHING)
            with pytest.raises(ForbiddenError):
                await people.farm.audit.verify(caller)


async def test_the_sealer_chains_what_comes_within_a_second(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        sealing = asyncio.create_task(people.farm.sealer.keep_sealing())
        try:
            root = await people.admin()
            async with asyncio.timeout(30):
                while True:
                    verified = await people.farm.audit.verify(root)
                    if not verified.unsealed:
                        break
                    await asyncio.sleep(GATHER_SECONDS / 4)
        finally:
            sealing.cancel()
        assert verified.broken is None
        assert (verified.entries, verified.head_number) == (5, 5)


async def _sealed(people: PeopledFarm) -> Caller:
    root = await people.admin()
    await people.account(root, "ann", "kernel")
    while await people.farm.sealer.seal():
        pass
    verified = await people.farm.audit.verify(root)
    assert (verified.broken, verified.unsealed) == (None, 0)
    return root


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE number = 3", 3),
        ("UPDATE audit SET detail = '{}' WHERE number = 7", 7),
        ("UPDATE audit SET at = at + 1 WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 4", 5),
        ("DELETE FROM audit WHERE number = 1", 2),
        ("UPDATE audit SET seal = (SELECT seal FROM audit WHERE number = 2) WHERE number = 3", 3),
        ("UPDATE audit SET seal = NULL WHERE number = 5", 6),
    ],
)
async def test_tampering_is_found(tmp_path: Path, tampering: str, broken: int) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await _sealed(people)
        driver = people.store._batcher.driver
        assert driver is not None
        driver.fetch(tampering)
        verified = await people.farm.audit.verify(root)
        assert verified.broken == broken
        assert str(broken) in verified.words or "missing" in verified.words


async def test_an_entry_whose_seal_was_left_out_of_a_new_chain_is_found(tmp_path: Path) -> None:
    """Who can compute seals takes one entry out of the chain and seals the rest around it."""
    async with peopled_farm(tmp_path) as people:
        root = await _sealed(people)
        driver = people.store._batcher.driver
        assert driver is not None
        driver.fetch("UPDATE audit SET seal = NULL, detail = '{}' WHERE number = 5")
        before, _loose, *after = await people.farm.audit.list_entries(root, AuditFilter(after=3))
        assert before.seal is not None
        seal = before.seal
        for entry in after:
            seal = seal_of(seal, entry)
            driver.fetch(f"UPDATE audit SET seal = '{seal}' WHERE number = {entry.number}")
        verified = await people.farm.audit.verify(root)
        assert (verified.broken, verified.unsealed) == (6, 1)
        assert verified.words == "entry 6 is sealed, but 1 before it are not"


def cutter(people: PeopledFarm, keep: timedelta, most: int) -> Cutter:
    settings = FarmSettings(audit_keep=keep, audit_entries=most)
    return Cutter(people.farm.accounts._engine, people.store, settings)


async def test_what_is_cut_off_by_policy_leaves_the_rest_proved(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await _sealed(people)
        whole = await people.farm.audit.verify(root)
        assert not await cutter(people, timedelta(), 0).cut(), "0 is for ever, and any number"
        assert await cutter(people, timedelta(), whole.entries - 3).cut()
        assert not await cutter(people, timedelta(), whole.entries - 2).cut()
        while await people.farm.sealer.seal():
            pass
        verified = await people.farm.audit.verify(root)
        assert (verified.broken, verified.cut, verified.entries) == (None, 3, whole.entries - 2)
        people.clock.advance(timedelta(hours=1))
        assert await cutter(people, timedelta(minutes=30), 0).cut()
        # Also before the entry about it is sealed.
        verified = await people.farm.audit.verify(root)
        assert (verified.broken, verified.cut) == (None, whole.entries)
        while await people.farm.sealer.seal():
            pass
        again = await people.farm.audit.verify(root)
        assert (again.broken, again.entries, again.unsealed) == (None, 2, 0)


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("DELETE FROM audit WHERE number = 4", "none tells that they were cut off"),
        ("DELETE FROM audit WHERE number = 5", "entry 5 is missing"),
        ("UPDATE audit SET actor = 'bob' WHERE number = 4", "entry 4, or its seal, was changed"),
        (
            "UPDATE audit SET detail = replace(detail, '3', '4') WHERE action = 'audit.cut'",
            "none tells that they were cut off",
        ),
    ],
)
async def test_a_cut_hides_no_tampering(tmp_path: Path, tampering: str, words: str) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await _sealed(people)
        whole = await people.farm.audit.verify(root)
        await cutter(people, timedelta(), whole.entries - 3).cut()
        while await people.farm.sealer.seal():
            pass
        driver = people.store._batcher.driver
        assert driver is not None
        driver.fetch(tampering)
        verified = await people.farm.audit.verify(root)
        assert verified.broken is not None
        assert words in verified.words


async def test_a_cut_while_the_chain_is_checked_is_no_break(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await _sealed(people)
        real = people.store.audit
        reads = 0

        async def read(where: AuditFilter) -> tuple[AuditEntry, ...]:
            nonlocal reads
            reads += 1
            if reads == 2:
                await cutter(people, timedelta(), 4).cut()
            return await real(where)

        people.store.audit = read  # type: ignore[method-assign]
        verified = await people.farm.audit.verify(root)
        assert verified.broken is None
        assert verified.cut > 0


async def test_a_note_from_outside_cannot_forge_a_line(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        note = Note(
            actor="x\n2026 root login", action=Action.LOGIN_FAILED, subject="s\x1b[2J" * 200
        )
        await people.farm.audit.note(note)
        entry = (await people.farm.audit.list_entries(root, EVERYTHING))[-1]
        assert entry.actor == "x?2026 root login"
        assert entry.subject.isprintable()
        assert len(entry.subject) <= 400
