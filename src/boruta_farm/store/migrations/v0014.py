"""Lists by priority, and of what has finished lately, are led by indexes and tallies.

Servers of the schema before would not tally priorities, so they cannot go on beside it.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step
from boruta_farm.store.schema import PRIORITY_BITS, PRIORITY_TALLIES, created


def _statements(dialect: Dialect) -> Iterator[str]:
    yield "CREATE INDEX requests_by_priority ON requests (priority, id)"
    yield "CREATE INDEX requests_finished ON requests (finished)"
    yield from created(PRIORITY_TALLIES, dialect)
    yield (
        "INSERT INTO priority_tallies (priority, bucket, requests)"
        f" SELECT priority, id >> {PRIORITY_BITS}, COUNT(*) FROM requests"
        f" GROUP BY priority, id >> {PRIORITY_BITS}"
    )


STEP = Step(_statements, beside=False)
