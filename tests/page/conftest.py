"""A browser for all tests of the page, and a window for each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.serving import Served, serve
from tests.page.browser import Noise, chromium, why_not
from tests.page.peopled import Peopled, peopled

NewPage = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return the browser, which ends with the file's tests: while it runs, no other loop can."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with chromium() as opened:
        yield opened


@pytest.fixture
def new_page(browser: Any) -> Iterator[NewPage]:
    """Open windows that complain of nothing; each with an empty memory of its own."""
    noise = Noise()
    contexts = []

    def opened(width: int = 1280, height: int = 900, theme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        noise.listen(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not noise.lines


@pytest.fixture
def page(new_page: NewPage) -> Any:
    """Return a window."""
    return new_page()


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve a farm in memory."""
    with serve() as farm:
        yield farm


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Peopled]:
    """Serve a farm that asks who calls."""
    with peopled(tmp_path) as farm:
        yield farm
