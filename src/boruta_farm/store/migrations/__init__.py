"""The steps from one schema to the next, one module each, named by the schema it leads to.

How one is written. Change the declaration of a record (or ``schema.py``), and add ``v0003.py`` with
a docstring that says what changes and why, and in it::

    STEP = Step(add_columns(WORKERS, "colour"), beside=True)

A step is a function that yields statements for a dialect. All steps that a database lacks run in
one transaction, after a backup. ``tests/store/schemas`` holds the text of the first schema with
some rows; tests take it through every step, on SQLite and on PostgreSQL, and compare the result
with a new database. Statements made from declarations (``add_columns``) say what these are today:
where a declaration changes again, the older step gets the text that it had.

Farms with several servers are changed without a stop in two steps. The first *expands*: what it
adds may be NULL or has a default, nothing is renamed or taken away, so that servers of the schema
before go on beside it; it says ``beside=True``, and the database is marked as good enough for them.
When none of them is left, a second step *contracts*: it takes away what nobody uses any more, or
no longer lets it be NULL, and says ``beside=False``.
"""

import pkgutil
import re
from importlib import import_module

from boruta_farm.store.migrations.step import Step

FIRST = 1
"""The oldest schema that can be migrated."""

SCHEMA = max(
    int(module.name[1:])
    for module in pkgutil.iter_modules(__path__)
    if re.fullmatch(r"v\d{4}", module.name)
)
"""The schema that this code reads and writes."""


def step_to(number: int) -> Step:
    """Return the step that leads to a schema."""
    step = import_module(f"{__name__}.v{number:04}").STEP
    assert isinstance(step, Step)
    return step
