"""Accounts tell who their owner is to a sign-in provider, tokens by whose word they were made.

Nobody signed in so before.
"""

from collections.abc import Iterator

from boruta_farm.store.dialect import Dialect
from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import ACCOUNTS, TOKENS


def _statements(dialect: Dialect) -> Iterator[str]:
    yield from add_columns(ACCOUNTS, "identity")(dialect)
    yield from add_columns(TOKENS, "provider", "refresh", "judged")(dialect)


STEP = Step(_statements, beside=True)
