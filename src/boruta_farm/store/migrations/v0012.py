"""Requests tell how long their boards may go unused, when they were used, and when that ends them.

Those of before have no such limit of their own.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import REQUESTS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(REQUESTS, "idle_end", "used_at", "idle_ends")(dialect)


STEP = Step(_statements, beside=True)
