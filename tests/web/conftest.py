"""Farms that a test opens with the options that it tells of."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.web.serving import NewWorld, World

from boruta_farm.web.services import WebOptions


@pytest.fixture
async def new_world() -> AsyncIterator[NewWorld]:
    """Open a farm with some options; all are closed after the test."""
    async with AsyncExitStack() as stack:

        async def opened(options: WebOptions | None = None) -> World:
            return await stack.enter_async_context(World(options))

        yield opened


@pytest.fixture
async def world(new_world: NewWorld) -> World:
    """Return an open farm."""
    return await new_world()
