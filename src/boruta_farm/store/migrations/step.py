"""One step from a schema to the next, and what steps are made of."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.schema import SchemaTable, defined

Statements = Callable[[Dialect], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """Lead to a schema; ``beside`` tells whether servers of the one before can go on."""

    statements: Statements
    beside: bool


def add_columns(table: SchemaTable, *names: str) -> Statements:
    """Return what adds columns as the table's record declares them."""

    def statements(dialect: Dialect) -> Iterator[str]:
        for column in table.some(*names):
            yield f"ALTER TABLE {table.name} ADD COLUMN {defined(column, dialect)}"

    return statements
