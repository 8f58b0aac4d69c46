"""Accounts, groups, tokens and the audit in both databases."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.audit import Action, AuditFilter, Note
from boruta_farm.model.errors import GroupNotFoundError
from boruta_farm.model.events import EventKind, Identity
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.request import RequestState
from boruta_farm.model.token import Token, TokenKind
from boruta_farm.store.base import Transaction
from boruta_farm.store.database import DatabaseStore
from tests.store.making import HOUR, START, HandClock, creating, make_request

ACCOUNT = Account(
    id="id-ann",
    name="ann",
    role=Role.GROUP_ADMIN,
    created=START,
    full_name="Ann Ångström",
    groups=("kernel", "radio"),
    ssh_keys=("ssh-ed25519 AAAA ann@desk",),
    keys_on_board=True,
    networks=("10.0.0.0/8",),
    limits=Limits(jobs=2, job_time=timedelta(minutes=90), highest_priority=3),
    disabled=True,
)
GROUP = Group(name="kernel", created=START, limits=Limits(waiting=0), keys_for_admins=True)
TOKEN = Token(
    id="0123456789",
    account="id-ann",
    account_name="ann",
    kind=TokenKind.JOIN,
    scope=Scope.REQUEST,
    name="nightly",
    digest="f" * 64,
    created=START,
    expires=START + HOUR,
    issuer="root",
    uses=3,
    worker="uuid",
)
PLAIN = replace(TOKEN, id="9876543210", uses=None, worker=None)
SAVED: dict[EventKind, Identity] = {
    EventKind.ACCOUNT_CHANGED: ACCOUNT,
    EventKind.GROUP_CHANGED: GROUP,
    EventKind.TOKEN_ISSUED: TOKEN,
}


def save(tx: Transaction, _now: datetime) -> None:
    for kind, record in SAVED.items():
        tx.save_identity(record, kind)
    tx.save_identity(PLAIN, EventKind.TOKEN_ISSUED)


async def test_what_was_saved_is_read_whole(store: DatabaseStore) -> None:
    await store.execute(save)
    people = await store.people()
    assert set(people.records) == {ACCOUNT, GROUP, TOKEN, PLAIN}
    assert people.number == await store.last_event() == 4

    def read(tx: Transaction, _now: datetime) -> None:
        assert tx.account("id-ann") == ACCOUNT
        assert tx.group("kernel") == GROUP
        assert tx.token(TOKEN.id) == TOKEN
        assert tx.account("kernel") is None
        assert tx.token("a\0b") is None

    await store.execute(read)


async def test_a_command_sees_its_changes_and_a_refused_one_leaves_none(
    store: DatabaseStore,
) -> None:
    def decide(tx: Transaction, now: datetime) -> None:
        save(tx, now)
        assert tx.accounts() == (ACCOUNT,)
        tx.save_identity(ACCOUNT, EventKind.ACCOUNT_REMOVED)
        assert tx.account("id-ann") is None
        assert tx.accounts() == ()
        assert tx.tokens() == (TOKEN, PLAIN)
        tx.note(Note(actor="root", action=Action.LOGIN, subject="nothing"))
        raise GroupNotFoundError

    with pytest.raises(GroupNotFoundError):
        await store.execute(decide)
    assert (await store.people()).records == ()
    assert await store.audit(AuditFilter()) == ()


async def test_records_change_and_go(store: DatabaseStore) -> None:
    await store.execute(save)
    changed = replace(ACCOUNT, groups=(), revision=2)

    def decide(tx: Transaction, _now: datetime) -> None:
        tx.save_identity(changed, EventKind.ACCOUNT_CHANGED)
        tx.save_identity(TOKEN, EventKind.TOKEN_REVOKED)

    await store.execute(decide)
    assert set((await store.people()).records) == {changed, GROUP, PLAIN}


async def test_the_audit_is_numbered_in_order_and_filtered(
    store: DatabaseStore, clock: HandClock
) -> None:
    for number in range(5):

        def decide(tx: Transaction, _now: datetime, number: int = number) -> None:
            tx.note(
                Note(
                    actor=f"user-{number % 2}",
                    source="192.0.2.1",
                    action=Action.KEY_READ,
                    subject=f"request {number}",
                    detail={"owner": "ann", "place": "Ü"},
                )
            )

        await store.execute(decide)
        clock.advance(HOUR)
    entries = await store.audit(AuditFilter())
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].detail == {"owner": "ann", "place": "Ü"}
    assert entries[0].at == START
    assert entries[0].seal is None
    for where, found in (
        (AuditFilter(after=3), [4, 5]),
        (AuditFilter(limit=2), [1, 2]),
        (AuditFilter(actor="user-1"), [2, 4]),
        (AuditFilter(subject="request 2"), [3]),
        (AuditFilter(action="grant"), []),
        (AuditFilter(since=START + HOUR, until=START + 3 * HOUR), [2, 3]),
        (AuditFilter(actor="\0"), []),
    ):
        assert [entry.number for entry in await store.audit(where)] == found


async def test_seals_are_set_once(store: DatabaseStore) -> None:
    def note(tx: Transaction, _now: datetime) -> None:
        tx.note(Note(actor="a", action=Action.LOGIN, subject="s"))
        tx.note(Note(actor="b", action=Action.LOGIN, subject="s"))

    await store.execute(note)

    def first(tx: Transaction, _now: datetime) -> None:
        assert tx.last_seal() is None
        assert [entry.number for entry in tx.unsealed(10)] == [1, 2]
        tx.seal({1: "one", 2: "two"})

    def second(tx: Transaction, _now: datetime) -> None:
        assert tx.last_seal() == "two"
        assert tx.unsealed(10) == ()
        tx.seal({1: "forged"})

    await store.execute(first)
    await store.execute(second)
    assert [entry.seal for entry in await store.audit(AuditFilter())] == ["one", "two"]


async def test_waiting_requests_are_counted_with_what_is_pending(store: DatabaseStore) -> None:
    for _ in range(3):
        await store.execute(creating())

    def decide(tx: Transaction, now: datetime) -> None:
        assert tx.count_waiting("admin", 10) == 3
        assert tx.count_waiting("admin", 2) == 2
        assert tx.count_waiting("nobody", 10) == 0
        first = tx.request(1)
        assert first is not None
        done = replace(first, state=RequestState.CANCELLED, finished=now, revision=2)
        tx.save_request(done, EventKind.REQUEST_FINISHED)
        tx.save_request(make_request(4), EventKind.REQUEST_CREATED)
        tx.save_request(make_request(5), EventKind.REQUEST_CREATED)
        assert tx.count_waiting("admin", 10) == 4

    await store.execute(decide)


async def test_the_oldest_entries_are_cut_off_once_they_are_sealed(store: DatabaseStore) -> None:
    def enter(tx: Transaction, _now: datetime) -> None:
        for number in range(1, 7):
            tx.note(Note(actor="ann", action=Action.LOGIN, subject=str(number)))

    def cut(before: datetime, most: int, limit: int = 100) -> Callable[..., bool]:
        return lambda tx, _now: tx.cut_audit(before, most, limit)

    await store.execute(enter)
    later = START + HOUR * 1000
    assert not await store.execute(cut(later, 0)), "nothing is sealed yet"
    await store.execute(lambda tx, _now: tx.seal({n: f"seal {n}" for n in range(1, 6)}))
    assert not await store.execute(cut(START, 6)), "nothing is old, nor too much"
    assert await store.execute(cut(START, 4))
    entries = await store.audit(AuditFilter())
    assert [entry.number for entry in entries] == [3, 4, 5, 6, 7]
    assert (entries[-1].action, entries[-1].subject) == ("audit.cut", "audit")
    assert entries[-1].detail == {"up_to": "2", "seal": "seal 2"}
    assert await store.execute(cut(later, 100, 1))
    assert (await store.audit(AuditFilter()))[0].number == 4
    assert await store.execute(cut(later, 100))
    assert not await store.execute(cut(later, 100))
    left = [entry.number for entry in await store.audit(AuditFilter())]
    assert left == [5, 6, 7, 8, 9], "the newest seal stays"


async def test_an_account_is_found_by_the_name_that_it_has_for_the_command(
    store: DatabaseStore,
) -> None:
    """In the database, in the batch and in the command itself."""
    await store.execute(save)
    other = replace(ACCOUNT, id="id-bob", name="bob")
    renamed = replace(ACCOUNT, name="anne")

    def in_one(tx: Transaction, _now: datetime) -> None:
        assert tx.account_named("ann") == ACCOUNT
        assert tx.account_named("anne") is None
        assert tx.account_named("a\0b") is None, "what cannot be stored is not looked up"
        tx.save_identity(other, EventKind.ACCOUNT_CHANGED)
        assert tx.account_named("bob") == other
        tx.save_identity(renamed, EventKind.ACCOUNT_CHANGED)
        assert (tx.account_named("anne"), tx.account_named("ann")) == (renamed, None)
        again = replace(renamed, name="anna")
        tx.save_identity(again, EventKind.ACCOUNT_CHANGED)
        assert (tx.account_named("anna"), tx.account_named("anne")) == (again, None)

    def in_the_next(tx: Transaction, _now: datetime) -> None:
        found = tx.account_named("bob")
        assert found == other
        assert tx.account_named("ann") is None
        assert tx.account_named("anna") is not None
        tx.save_identity(other, EventKind.ACCOUNT_REMOVED)
        assert tx.account_named("bob") is None

    await asyncio.gather(store.execute(in_one), store.execute(in_the_next))
    assert [r.name for r in (await store.people()).records if isinstance(r, Account)] == ["anna"]
