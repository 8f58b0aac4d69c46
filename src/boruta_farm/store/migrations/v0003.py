"""Jobs say whether their board has yet to confirm them; those of before count as confirmed."""

from boruta_farm.store.migrations.step import Step, add_columns
from boruta_farm.store.schema import JOBS

STEP = Step(add_columns(JOBS, "unconfirmed"), beside=True)
