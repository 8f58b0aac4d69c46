"""The page about writing a driver shows the example's very files, and every member of a driver.

Run `python -m tests.docs.test_write_a_driver` to write the example anew.
"""

import re
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.base import Driver

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "write-a-driver.md"
EXAMPLE = DOCS / "examples" / "relay"
FILES = {"boruta_relay.py": "python", "pyproject.toml": "toml"}


def page(text: str) -> str:
    """Return the page with the files as they are."""
    for name, language in FILES.items():
        begin = f"<!-- {name}: python -m tests.docs.test_write_a_driver -->\n"
        end = f"<!-- end of {name} -->\n"
        head, _, rest = text.partition(begin)
        _, found, tail = rest.partition(end)
        assert found, f"the page has no place for {name}"
        content = (EXAMPLE / name).read_text()
        text = f"{head}{begin}```{language}\n{content}```\n{end}{tail}"
    return text


def test_the_page_shows_the_example() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), (
        "run: python -m tests.docs.test_write_a_driver"
    )


def test_the_example_is_short() -> None:
    assert len((EXAMPLE / "boruta_relay.py").read_text().splitlines()) <= 41


@pytest.mark.parametrize("member", [name for name in vars(Driver) if not name.startswith("_")])
def test_every_member_of_a_driver_is_explained(member: str) -> None:
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line[:3] == "| `"]
    assert any(re.search(rf"`{member}\b", row) for row in rows)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
