from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.dryad.dut.original.muxpi import MuxPi, muxpi


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[MuxPi]:
    """Serve one without a console."""
    async with muxpi(tmp_path) as found:
        yield found
