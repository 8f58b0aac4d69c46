"""Requests may tell where they come from; those of before tell nothing."""

from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import REQUESTS

STEP = Step(add_columns(REQUESTS, "context"), beside=True)
