"""Jobs say whether their board has yet to confirm them, workers who else claims their UUID.

Jobs of before count as confirmed.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import JOBS, WORKERS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(JOBS, "unconfirmed")(dialect)
    yield from add_columns(WORKERS, "dispute")(dialect)


STEP = Step(_statements, beside=True)
