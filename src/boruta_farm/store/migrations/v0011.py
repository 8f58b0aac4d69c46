"""Requests tell who asked last whether they are still needed, accounts where their owner is told.

Nobody asked those of before, and nobody is told.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import ACCOUNTS, REQUESTS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(REQUESTS, "nudged_at", "nudged_by")(dialect)
    yield from add_columns(ACCOUNTS, "notify")(dialect)


STEP = Step(_statements, beside=True)
