"""Boards are borrowed out of MAINTENANCE or FAILED, and know where they go back to."""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import REQUESTS, WORKERS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(REQUESTS, "borrows")(dialect)
    yield from add_columns(WORKERS, "borrower", "borrowed_from")(dialect)


STEP = Step(_statements, beside=True)
