"""A farm that asks who calls, for a browser to sign in to."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from boruta_farm.client.blocking import Bridge
from tests.web.peopled import PeopledWeb, peopled_web
from tests.web.serving import served as on_a_port


class Peopled:
    """Carry the farm at an address."""

    def __init__(self, bridge: Bridge, web: PeopledWeb, port: int) -> None:
        self.bridge = bridge
        self.web = web
        self.address = f"http://127.0.0.1:{port}"

    def sign_in(self, page: Any) -> None:
        """Open the page as the first admin."""
        page.goto(self.address)
        page.get_by_label("Token").fill(self.web.first)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Admin").wait_for()


@contextmanager
def peopled(folder: Path) -> Iterator[Peopled]:
    """Serve such a farm until the block ends."""
    with Bridge() as bridge, bridge.enter(_serving(folder)) as (web, port):
        yield Peopled(bridge, web, port)


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[tuple[PeopledWeb, int]]:
    async with peopled_web(folder, signed_in=False) as web, on_a_port(web.app) as port:
        yield web, port
