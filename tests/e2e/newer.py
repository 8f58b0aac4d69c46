"""A server of a version to come: ``python -m tests.e2e.newer STEP ... serve``.

Each STEP is the way to one more schema: ``expand`` leaves servers of the schema before able to go
on, ``contract`` does not.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from boruta_farm.cli.main import main
from boruta_farm.store import postgres
from boruta_farm.store.migrations import SCHEMA, step_to
from boruta_farm.store.migrations.step import Step
from boruta_farm.store.upgrade import Upgrade

STEPS = {
    "expand": Step(
        lambda _dialect: ("ALTER TABLE requests ADD COLUMN note TEXT DEFAULT 'none'",), beside=True
    ),
    "contract": Step(
        lambda _dialect: ("ALTER TABLE requests ALTER COLUMN note SET NOT NULL",), beside=False
    ),
}


def newer(steps: list[Step]) -> Callable[..., Upgrade]:
    """Return an Upgrade that knows of these further steps."""

    def step(number: int) -> Step:
        return steps[number - SCHEMA - 1] if number > SCHEMA else step_to(number)

    def made(**given: Any) -> Upgrade:
        return replace(Upgrade(**given), wanted=SCHEMA + len(steps), step_to=step)

    return made


if __name__ == "__main__":
    names: Iterable[str] = sys.argv[1:-1]
    # No setting leads there: a released server knows its own schema.
    vars(postgres)["Upgrade"] = newer([STEPS[name] for name in names])
    sys.argv[1:] = sys.argv[-1:]
    main()
