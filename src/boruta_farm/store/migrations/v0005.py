"""Requests may name how long their job is to last; those of before last as the farm says."""

from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import REQUESTS

STEP = Step(add_columns(REQUESTS, "length"), beside=True)
