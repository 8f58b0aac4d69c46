from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.access.relays import Relays


@pytest.fixture
async def relays(tmp_path: Path) -> AsyncIterator[Relays]:
    """Give a data folder for relays and see that none is left."""
    made = Relays(tmp_path)
    yield made
    await made.close()
