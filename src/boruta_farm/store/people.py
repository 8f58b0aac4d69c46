"""Accounts, groups and tokens: the tables they lie in, and all of them as a command sees them."""

from boruta_farm.model.account import Account, Group
from boruta_farm.model.events import Identity
from boruta_farm.store.base import PeopleSnapshot
from boruta_farm.store.records import Records, storable
from boruta_farm.store.rows import ACCOUNT, PEOPLE

ACCOUNTS, GROUPS, TOKENS = PEOPLE

Place = tuple[str, str]
"""A table and a key in it."""

Pending = dict[Place, Identity | None]
"""Changes that are not written yet; None was removed."""


def place_of(record: Identity) -> Place:
    """Return where a record lies."""
    if isinstance(record, Account):
        return ACCOUNTS, record.id
    if isinstance(record, Group):
        return GROUPS, record.name
    return TOKENS, record.id


def load(records: Records, place: Place) -> Identity | None:
    """Return a stored record."""
    table, key = place
    if not storable(key):
        return None
    return records.one(PEOPLE[table].record, records.statements.people[table].one, key)


def load_all(records: Records, table: str) -> list[Identity]:
    """Return all records of a table by key."""
    return list(
        map(PEOPLE[table].record, records.driver.fetch(records.statements.people[table].all))
    )


def snapshot(records: Records) -> PeopleSnapshot:
    """Return everybody, consistent at one event."""
    records.driver.begin_reading()
    try:
        number = records.last_event()
        found = [record for table in PEOPLE for record in load_all(records, table)]
    finally:
        records.driver.rollback()
    return PeopleSnapshot(number=number, records=tuple(found))


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

    def account_named(self, name: str) -> Account | None:
        """Return the account of this name, as the command sees it."""
        for pending in (self._own, self._batch):
            for place, record in pending.items():
                if isinstance(record, Account) and record.name == name:
                    found = self.get(place)
                    if found is record:
                        return record
        if not storable(name):
            return None
        records = self._records
        stored = records.one(ACCOUNT.record, records.statements.account_named, name)
        found = None if stored is None else self.get((ACCOUNTS, stored.id))
        return found if isinstance(found, Account) and found.name == name else None

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
