"""A farm on a free port, and a connection to it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from tests.client.serving import Served, serve
from tests.web.serving import World


@pytest.fixture(scope="package")
def port() -> Iterator[Served]:
    """Return a server whose farm changes from test to test."""
    with serve() as running:
        yield running


@pytest.fixture
def served(port: Served) -> Served:
    """Return the server with a fresh farm."""
    port.start_over()
    return port


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return a farm in this very loop, whose boards a test plays."""
    async with World() as opened:
        yield opened


@pytest.fixture
async def farm(served: Served) -> AsyncIterator[Farm]:
    """Return a connection to the farm."""
    async with connect(ClientConfig(server=served.address)) as connected:
        yield connected
