"""The distribution's Chromium, driven by Playwright; whoever lacks one of them is told so."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from boruta_farm.web.page import BUILT, INDEX

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDTHS = {360: 740, 900: 900, 1600: 1000}
THEMES = ("light", "dark")
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""What axe-core looks for: 2.2 AA and what that builds on."""


def why_not() -> str | None:
    """Return why there is no browser to try the page with, None where there is one."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "Playwright is not installed (pip install playwright)"
    if CHROMIUM is None:
        return "Chromium is not installed (apt install chromium)"
    if not (BUILT / INDEX).is_file():
        return "the page is not built (./run ui)"
    return None


needs_browser = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


LOST = ("Failed to load resource", "net::ERR_CONNECTION_")


class Noise:
    """What a page complained of: nothing may be left at the end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def listen(self, page: Any) -> None:
        """Note errors, and whatever the policy refused."""
        page.on("pageerror", lambda error: self.lines.append(f"error: {error}"))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        # What the network loses is the test's doing; what the policy refuses never is.
        if message.type == "error" and not any(word in message.text for word in LOST):
            self.lines.append(message.text)


@contextmanager
def chromium() -> Iterator[Any]:
    """Run the browser for the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
