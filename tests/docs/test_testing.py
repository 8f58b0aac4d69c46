"""The page about boards in tests: its examples do what they say, its table is the plugin's.

Run `python -m tests.docs.test_testing` to write the table anew.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

from boruta_farm.pytest_plugin.plugin import OPTIONS
from boruta_farm.testing import LocalBoard, farm
from tests.docs.parts import between
from tests.pytest_plugin.running import Suite

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLES = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]

TABLE = "options of the pytest plugin"


def page(text: str) -> str:
    """Return the page with the table of options as it is."""
    rows = [
        f"| `--boruta-{name}={form}` | `boruta_{name.replace('-', '_')}` | "
        f"{f'`{usual}`' if usual else 'nowhere'} | {words} |"
        for name, (usual, form, words) in OPTIONS.items()
    ]
    table = "\n".join(re.sub(r"(\w)\|(?=\w)", r"\1\\|", row) for row in rows)
    return between(text, TABLE, TABLE, f"{table}\n")


def test_the_table_of_options_is_the_plugins() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run: python -m tests.docs.test_testing"


@pytest.mark.prove
def test_what_is_copied_from_the_page_passes(tmp_path: Path) -> None:
    suite = Suite(tmp_path)
    suite.write(EXAMPLES[0])
    kinds = {"lab-1": "rpi4", "lab-2": "visionfive", "lab-3": "rpi3"}
    boards = [
        LocalBoard(name=name, caps={"board": kind, "arch": "arm64", "ram": "1"})
        for name, kind in kinds.items()
    ]
    with farm(*boards) as local:
        assert "3 passed" in suite.run(environment=local.environment)


@pytest.mark.prove
def test_farms_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = []
    for example in (one for one in EXAMPLES if "farm()" in one):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example, str(PAGE), "exec"), {"__name__": "example"})
        said.append(printed.getvalue())
    assert said == ["hello\n\nTrue\n", "FAILED rpi4 was taken away: needs a new card\n"]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
