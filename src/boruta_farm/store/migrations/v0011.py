"""Requests tell who asked last whether they are still needed; nobody asked those of before."""

from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import REQUESTS

STEP = Step(add_columns(REQUESTS, "nudged_at", "nudged_by"), beside=True)
