"""Workers get labels, notes and a photo, and the schema's number a table of our own.

Before, a tool kept the number in a table of its own; a server of that time does not know this
one, so it cannot go on beside it.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import SCHEMA_VERSION, WORKERS, created


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(WORKERS, "labels", "notes", "photo")(dialect)
    yield from created(SCHEMA_VERSION, dialect)
    yield "DROP TABLE alembic_version"


STEP = Step(_statements, beside=False)
