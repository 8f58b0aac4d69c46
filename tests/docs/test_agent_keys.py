"""Every key of the agent's configuration is explained."""

from pathlib import Path

import pytest

from boruta_farm.dryad import config, hooks
from boruta_farm.dryad.stm import settings as muxpi
from boruta_farm.dryad.users import settings as users

DOCS = Path(__file__).parents[2] / "docs"
TABLES = {
    "agent.md": (
        *config.KEYS,
        *config.HEALTH_KEYS,
        *config.SANDBOX_KEYS,
        *users.USER_KEYS,
        *users.CLEAN_KEYS,
        *map(str, hooks.KEYS),
    ),
    "muxpi.md": muxpi.KEYS,
}


@pytest.mark.parametrize(("page", "key"), [(page, key) for page in TABLES for key in TABLES[page]])
def test_a_key_stands_in_the_table(page: str, key: str) -> None:
    rows = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("| ")]
    named = [row for row in rows if key in row.split(" | ")[0]]
    assert named, f"docs/{page} does not explain {key}"
