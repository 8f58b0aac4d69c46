"""One schema: a database that was migrated to it is like one that was made with it."""

import pytest

from boruta_farm.model.account import Account
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.token import Token
from boruta_farm.model.worker import Fence, Reach
from boruta_farm.store.base import Transaction
from boruta_farm.store.dialect import Dialect, PostgresDialect, SqliteDialect
from boruta_farm.store.schema import META, TABLES, SchemaTable, created, ddl, defined
from tests.store.farms import Farm
from tests.store.making import START, make_job, make_request, make_worker, reading
from tests.store.old import KEPT, clear, lay_schema, shape


@pytest.mark.parametrize("number", KEPT)
async def test_a_migrated_database_is_like_a_new_one(farm: Farm, number: int) -> None:
    await farm.open()
    await farm.close()
    fresh = shape(farm)
    assert fresh.keys() == {table.name for table in TABLES}
    lay_schema(farm, number)
    old = shape(farm)
    await farm.open()
    migrated = shape(farm)
    assert migrated.keys() == fresh.keys()
    for table, (columns, defaults, indexes) in fresh.items():
        assert migrated[table][0] == columns, table
        assert migrated[table][2] == indexes, table
        before = old[table][0] if table in old else {}
        # Every server writes all columns that were there before defaults were told.
        assert {name: told for name, told in migrated[table][1].items() if name not in before} == {
            name: told for name, told in defaults.items() if name not in before
        }


async def test_rows_of_the_first_schema_are_read_as_they_were_meant(farm: Farm) -> None:
    lay_schema(farm, 1)
    store = await farm.open()
    assert store.farm_id == "the-farm"
    uuid = make_worker().uuid
    worker = await store.get_worker(uuid)
    assert worker == make_worker(
        state="RUNNING",
        groups=("lab",),
        epoch=5,
        fence=Fence.AGENT,
        revision=6,
        host_key="ssh-ed25519 BBBB",
        boot_id="boot",
        credential="hash",
        credential_since=START,
        asked_name="board-1",
        facts={"kernel": "6.1"},
        recoveries=(START,),
        reach=Reach.AUTO,
    )
    request = await store.get_request(7)
    assert request is not None
    assert worker is not None
    counted = farm.fetch("SELECT priority, id >> 11, COUNT(*) FROM requests GROUP BY 1, 2")
    assert farm.fetch("SELECT priority, bucket, requests FROM priority_tallies") == counted != []
    account, group, token = (await store.people()).records
    assert isinstance(account, Account)
    assert isinstance(token, Token)
    assert (len(account.id), account.name) == (20, "ann")
    assert (token.account, token.account_name) == (account.id, "ann")
    job = make_job(7, worker, prolong_seq=2, waited=True, key_read=True)
    assert request == make_request(
        7,
        owner=account.id,
        owner_name="ann",
        owner_groups=frozenset({"ci", "lab"}),
        priority=3,
        state="IN PROGRESS",
        selector="ram >= 2",
        revision=4,
        ssh_key="ssh-ed25519 AAAA",
        keep_alive=60,
        job=job,
        size=len('{"arch":"arm"}') + len("ram >= 2") + len("ssh-ed25519 AAAA"),
    )
    key = await store.get_session_key(uuid, 5)
    assert key is not None
    assert key.sealed == b"\0\xff"
    (event,) = await store.events(0, 10)
    assert (event.kind, event.request_id, event.at) == ("request.created", 7, START)
    (entry,) = await store.audit(AuditFilter())
    assert (entry.actor, entry.detail) == ("ann", {"owner": "ann"})
    assert [account.created, group.created, token.created] == [START] * 3
    (summary,) = (await store.snapshot()).summaries
    assert summary.values == (60.0, 90.5)

    def more(tx: Transaction) -> tuple[int, int, tuple[str, int] | None]:
        found = tx.remembered_epoch("gone"), tx.next_request_id()
        return (*found, tx.remembered_creation(account.id, "once"))

    assert await store.execute(reading(more)) == (3, 8, ("hash", 7))


async def test_what_is_older_than_the_account_of_its_owner_s_name_was_another_s(
    farm: Farm,
) -> None:
    lay_schema(farm, 1)
    farm.fetch("UPDATE accounts SET created = created + 1")
    farm.fetch("UPDATE summaries SET subject = 'use/owner/ann'")
    store = await farm.open()
    request = await store.get_request(7)
    assert request is not None
    assert (request.owner, request.owner_name) == ("ann", "ann")
    (account, *_) = (await store.people()).records
    assert isinstance(account, Account)
    (summary,) = (await store.snapshot()).summaries
    assert summary.subject == f"use/owner/{account.id}"

    def creations(tx: Transaction) -> list[object]:
        return [tx.remembered_creation(owner, "once") for owner in ("ann", account.id)]

    assert await store.execute(reading(creations)) == [("hash", 7), None]


@pytest.mark.parametrize("dialect", [SqliteDialect(), PostgresDialect()])
def test_what_may_be_left_out_has_a_default_in_the_database(dialect: Dialect) -> None:
    told = "\n".join(ddl(dialect))
    text = dialect.types["text"]
    assert f"labels {text}," in told
    assert f"username {text} NOT NULL DEFAULT 'boruta-user'" in told
    assert f"recoveries {text} NOT NULL DEFAULT '[]'" in told
    assert f"reach {text} NOT NULL DEFAULT 'direct'" in told
    assert "key_read BOOLEAN NOT NULL DEFAULT FALSE" in told
    assert f"revision {dialect.types['bigint']} NOT NULL DEFAULT 1" in told
    assert list(created(META, dialect)) == [
        f"CREATE TABLE meta (name {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (name))"
        + dialect.bare
    ]


async def test_a_column_with_a_default_can_be_added_to_rows_that_are_there(farm: Farm) -> None:
    await farm.open()
    await farm.close()
    ((farm_id,),) = farm.fetch("SELECT value FROM meta WHERE name = 'farm_id'")
    clear(farm)
    dialect = farm.dialect
    for statement in created(SchemaTable("meta", META.columns), dialect):
        farm.fetch(statement)
    farm.fetch("INSERT INTO meta (name, value) VALUES ('farm_id', ?)", (farm_id,))
    columns = [c for table in TABLES for c in table.columns if c.default is not None]
    for number, column in enumerate(columns):
        told = defined(column, dialect).removeprefix(column.name)
        farm.fetch(f"ALTER TABLE meta ADD COLUMN c{number}{told}")
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    (row,) = farm.fetch(f"SELECT {names} FROM meta")
    assert list(row) == [column.default for column in columns]
