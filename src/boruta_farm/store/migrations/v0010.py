"""Requests may ask for a board that is flashed and booted, and jobs tell how far that has come.

A job in a phase that servers of before cannot read holds its board as well, so they cannot go on
beside it.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import HOLDING, JOBS, REQUESTS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(REQUESTS, "image", "storage", "boot_until")(dialect)
    yield from add_columns(JOBS, "progress")(dialect)
    for name, column in (("worker", "worker"), ("request", "request_id")):
        yield f"DROP INDEX jobs_one_per_{name}"
        yield f"CREATE UNIQUE INDEX jobs_one_per_{name} ON jobs ({column}) WHERE {HOLDING}"


STEP = Step(_statements, beside=False)
