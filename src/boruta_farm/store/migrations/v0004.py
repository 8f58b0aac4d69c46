"""Accounts get ids, and what somebody owns is kept under his id in place of his name.

Requests tell how much they hold, and a table how much each owner has waiting: both are bounded.

What was kept under a name goes to the account that bears it, unless it is older than that account:
then it was another's, or the local admin's, and keeps the name as the id of somebody who is gone.
Servers of the schema before look accounts up by name, so they cannot go on beside it.
"""

from collections.abc import Iterator
from dataclasses import replace

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import ACCOUNTS, BACKLOGS, REQUESTS, TOKENS, WAITING, created

LATER = frozenset({"notify", "identity"})
"""Columns of accounts that later steps add."""

_OWN = "FROM accounts AS a WHERE a.name = {table}.{column} AND a.created <= {table}.created"


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from _accounts(dialect)
    yield from add_columns(REQUESTS, "owner_name", "size")(dialect)
    yield "UPDATE requests SET owner_name = owner"
    # Who filed without groups was the local admin of a farm that knew no users.
    yield (
        f"UPDATE requests SET owner = a.id {_OWN.format(table='requests', column='owner')}"
        " AND requests.owner_groups IS NOT NULL"
    )
    yield (
        "UPDATE requests SET size = COALESCE(length(caps), 0) + COALESCE(length(selector), 0)"
        " + COALESCE(length(ssh_key), 0)"
    )
    yield from created(BACKLOGS, dialect)
    yield (
        "INSERT INTO backlogs (owner, size)"
        f" SELECT owner, SUM(size) FROM requests WHERE {WAITING} GROUP BY owner"
    )
    yield f"UPDATE creations SET owner = a.id {_OWN.format(table='creations', column='owner')}"
    yield from add_columns(TOKENS, "account_name")(dialect)
    yield "UPDATE tokens SET account_name = account"
    yield f"UPDATE tokens SET account = a.id {_OWN.format(table='tokens', column='account')}"
    # Subjects that end with an owner: use/owner/NAME and length/DEMAND/NAME.
    yield (
        "UPDATE summaries"
        " SET subject = substr(subject, 1, length(subject) - length(a.name)) || a.id"
        " FROM accounts AS a"
        " WHERE substr(subject, length(subject) - length(a.name)) = '/' || a.name"
        " AND (substr(subject, 1, 10) = 'use/owner/' OR substr(subject, 1, 7) = 'length/')"
    )


def _accounts(dialect: Dialect) -> Iterator[str]:
    """Yield what makes the table anew, since its key is another."""
    # What a later step adds is not there yet.
    accounts = replace(ACCOUNTS, columns=tuple(c for c in ACCOUNTS.columns if c.name not in LATER))
    columns = ", ".join(column.name for column in accounts.columns if column.name != "id")
    yield f"CREATE TABLE accounts_before AS SELECT {columns} FROM accounts"
    yield "DROP TABLE accounts"
    yield from created(accounts, dialect)
    yield (
        f"INSERT INTO accounts (id, {columns})"
        f" SELECT {dialect.random}, {columns} FROM accounts_before"
    )
    yield "DROP TABLE accounts_before"


STEP = Step(_statements, beside=False)
