"""Accounts, groups and tokens: rows and records, and the tables they lie in."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.events import Identity
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import Token, TokenKind
from boruta_farm.store.base import People
from boruta_farm.store.driver import Row
from boruta_farm.store.records import Records, storable
from boruta_farm.store.rows import micros, moment

ACCOUNTS = "accounts"
GROUPS = "farm_groups"
TOKENS = "tokens"

Place = tuple[str, str]
"""A table and a key in it."""

Pending = dict[Place, Identity | None]
"""Changes that are not written yet; None was removed."""

DURATIONS = frozenset({"job_time", "prolong_time"})


def place_of(record: Identity) -> Place:
    """Return where a record lies."""
    if isinstance(record, Account):
        return ACCOUNTS, record.name
    if isinstance(record, Group):
        return GROUPS, record.name
    return TOKENS, record.id


def load(records: Records, place: Place) -> Identity | None:
    """Return a stored record."""
    table, key = place
    if not storable(key):
        return None
    rows = records.driver.fetch(records.statements.people[table].one, (key,))
    return KINDS[table](rows[0]) if rows else None


def load_all(records: Records, table: str) -> list[Identity]:
    """Return all records of a table by key."""
    return list(map(KINDS[table], records.driver.fetch(records.statements.people[table].all)))


def snapshot(records: Records) -> People:
    """Return everybody, consistent at one event."""
    records.driver.begin_reading()
    try:
        number = records.last_event()
        found = [record for table in KINDS for record in load_all(records, table)]
    finally:
        records.driver.rollback()
    return People(number=number, records=tuple(found))


class PendingPeople:
    """Look at a command's changes first, then its batch's, then the database."""

    def __init__(self, own: Pending, batch: Pending, records: Records) -> None:
        self._own = own
        self._batch = batch
        self._records = records

    def get(self, place: Place) -> Identity | None:
        """Return a record as the command sees it."""
        for pending in (self._own, self._batch):
            if place in pending:
                return pending[place]
        return load(self._records, place)

    def all(self, table: str) -> list[Identity]:
        """Return all records of a table by key, as the command sees them."""
        found = {place_of(record): record for record in load_all(self._records, table)}
        for place, record in (self._batch | self._own).items():
            if place[0] != table:
                continue
            if record is None:
                found.pop(place, None)
            else:
                found[place] = record
        return [found[place] for place in sorted(found)]


def identity_row(record: Identity) -> Row:
    """Return a record in the order of its table in ``tables``."""
    if isinstance(record, Account):
        return (
            record.name,
            record.role.value,
            micros(record.created),
            record.full_name,
            _texts(record.groups),
            _texts(record.ssh_keys),
            record.keys_on_board,
            _texts(record.networks),
            limits_text(record.limits),
            record.disabled,
            record.revision,
        )
    if isinstance(record, Group):
        return (
            record.name,
            micros(record.created),
            limits_text(record.limits),
            record.keys_for_admins,
            record.revision,
        )
    return (
        record.id,
        record.account,
        record.kind.value,
        record.scope.value,
        record.name,
        record.digest,
        micros(record.created),
        micros(record.expires),
        record.issuer,
        record.uses,
        record.worker,
    )


def account_from(row: Row) -> Account:
    """Return the account of a row."""
    return Account(
        name=row[0],
        role=Role(row[1]),
        created=moment(row[2]),
        full_name=row[3],
        groups=tuple(json.loads(row[4])),
        ssh_keys=tuple(json.loads(row[5])),
        keys_on_board=bool(row[6]),
        networks=tuple(json.loads(row[7])),
        limits=limits_from(row[8]),
        disabled=bool(row[9]),
        revision=row[10],
    )


def group_from(row: Row) -> Group:
    """Return the group of a row."""
    return Group(
        name=row[0],
        created=moment(row[1]),
        limits=limits_from(row[2]),
        keys_for_admins=bool(row[3]),
        revision=row[4],
    )


def token_from(row: Row) -> Token:
    """Return the token of a row."""
    return Token(
        id=row[0],
        account=row[1],
        kind=TokenKind(row[2]),
        scope=Scope(row[3]),
        name=row[4],
        digest=row[5],
        created=moment(row[6]),
        expires=moment(row[7]),
        issuer=row[8],
        uses=row[9],
        worker=row[10],
    )


KINDS: Mapping[str, Callable[[Row], Identity]] = {
    ACCOUNTS: account_from,
    GROUPS: group_from,
    TOKENS: token_from,
}


def limits_text(limits: Limits) -> str:
    """Return limits as JSON, durations in seconds."""
    given: dict[str, int | float] = {}
    for name in Limits.__dataclass_fields__:
        value = getattr(limits, name)
        if value is not None:
            given[name] = value.total_seconds() if isinstance(value, timedelta) else value
    return json.dumps(given, separators=(",", ":"))


@lru_cache(maxsize=1024)
def limits_from(text: str) -> Limits:
    """Return the limits of a text."""
    given: dict[str, Any] = {
        name: timedelta(seconds=value) if name in DURATIONS else value
        for name, value in json.loads(text).items()
    }
    return Limits(**given)


def _texts(texts: tuple[str, ...]) -> str:
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
