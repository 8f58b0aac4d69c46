"""The page's sources: nothing of others, and no address of anywhere."""

import json
import re
from pathlib import Path

UI = Path(__file__).parents[2] / "ui"
ADDRESS = re.compile(r"https?://(?!127\.0\.0\.1\b)[a-z0-9]")
SVG = "http://www.w3.org/2000/svg"
"""The name of a namespace, which nothing ever calls."""


def test_the_lock_carries_sums_and_no_addresses() -> None:
    text = (UI / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "http" not in text
    assert all("integrity" in package for name, package in packages.items() if name)


def test_no_source_names_another_host() -> None:
    for path in [
        UI / "index.html",
        UI / "vite.config.ts",
        *UI.glob("src/**/*"),
        *UI.glob("public/*"),
    ]:
        if path.is_file():
            assert not ADDRESS.search(path.read_text().replace(SVG, "")), path.name


def test_nothing_is_put_into_the_page_as_markup() -> None:
    """What others wrote is text: there is no way for it to become an element."""
    for path in UI.glob("src/**/*.ts*"):
        text = path.read_text()
        for way in ("dangerouslySetInnerHTML", "innerHTML", "outerHTML", "insertAdjacentHTML"):
            assert way not in text, f"{path.name} uses {way}"
        assert "eval(" not in text, path.name
