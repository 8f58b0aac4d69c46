"""pdudaemon is ordered by HTTP, and never tells how a port is."""

from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.pdudaemon import DRIVER, PduPower
from boruta_farm.model.errors import BoardError
from tests.dryad.tools.drivers.stages import opened, web_device


async def test_orders(tmp_path: Path) -> None:
    async with web_device() as daemon:
        port = "?hostname=pdu+1&port=7"
        daemon.answers = {f"/power/control/{verb}{port}": b"OK" for verb in ("on", "off")}
        tool = opened(DRIVER, tmp_path, url=daemon.url, hostname="pdu 1", port="7")
        assert isinstance(tool, PduPower)
        await tool.cycle(0.0)
        assert daemon.asked == [f"/power/control/off{port}", f"/power/control/on{port}"]
        assert (await tool.state()).on is None
        daemon.answers.clear()
        with pytest.raises(BoardError, match="refused it with 404: no such"):
            await tool.on()
