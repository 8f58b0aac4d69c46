"""The examples of the page about boards in tests do what they say."""

import contextlib
import io
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLES = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]


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
