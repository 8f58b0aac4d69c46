"""Requests may be shared: whose keys open a session lies with them and with their jobs.

Workers tell whether their sessions can be shared, groups whether members need not be asked.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import GROUPS, JOBS, REQUESTS, WORKERS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(REQUESTS, "account_keys", "shared", "shared_names")(dialect)
    yield from add_columns(JOBS, "keys", "staying", "keys_seq", "keys_pending")(dialect)
    yield from add_columns(WORKERS, "many_keys")(dialect)
    yield from add_columns(GROUPS, "members_join")(dialect)
    yield "CREATE INDEX requests_shared ON requests (id) WHERE shared <> '[]'"


STEP = Step(_statements, beside=True)
