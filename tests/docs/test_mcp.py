"""The page about agents lists the tools as they are.

Run `python -m tests.docs.test_mcp` to write the table anew.
"""

from pathlib import Path

from boruta_farm.mcp.budget import Budget
from boruta_farm.mcp.desk import AgentDesk
from boruta_farm.mcp.tools import ACTING, READING
from tests.docs.parts import between

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"
TABLE = "tools of boruta mcp"


def page(text: str) -> str:
    """Return the page with the table of tools as it is."""
    told = {
        name: (getattr(AgentDesk, name).__doc__ or "").splitlines()[0]
        for name in (*READING, *ACTING)
    }
    rows = "".join(f"| `{name}` | {words} |\n" for name, words in told.items())
    return between(text, TABLE, TABLE, rows)


def test_the_table_of_tools_is_the_desks() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run: python -m tests.docs.test_mcp"
    assert len((*READING, *ACTING)) <= 20


def test_the_budget_is_the_one_that_is_told() -> None:
    usual = Budget()
    for name in ("boards", "minutes", "flashes", "power"):
        assert f"| `--{name}` | {getattr(usual, name)} |" in PAGE.read_text()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
