"""The page of the command line tells what the verbs tell.

Run `python -m tests.cli.test_reference` to write it anew.
"""

from pathlib import Path

from boruta_farm.cli.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), (
        "docs/cli.md is out of date; run: python -m tests.cli.test_reference"
    )


def test_every_verb_is_there() -> None:
    text = page()
    for verb in ("new", "ls", "ssh", "worker maintenance", "config check", "events", "serve"):
        assert f"### `boruta {verb}`" in text
    assert "`-c, --cap NAME=VALUE`" in text


if __name__ == "__main__":
    PAGE.write_text(page())
