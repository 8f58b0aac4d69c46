"""What consoles said in ended jobs is kept; servers of before know nothing of it."""

from collections.abc import Iterable

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step
from boruta_farm.store.schema import CONSOLE_CHUNKS, created


def _statements(dialect: Dialect) -> Iterable[str]:
    return created(CONSOLE_CHUNKS, dialect)


STEP = Step(_statements, beside=True)
