"""What the demo tells to type."""

from pathlib import Path

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.demo.device import demo_device
from boruta_farm.demo.farm import USUAL_PORT, DemoFarm
from boruta_farm.demo.plays import _introduction


@pytest.mark.parametrize("port", [USUAL_PORT, USUAL_PORT + 1])
async def test_an_unusual_port_is_typed_once_for_all_lines(port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{port}"
    async with connect(ClientConfig(server=url)) as farm:
        with demo_device() as device:
            demo = DemoFarm(url=url, folder=tmp_path, farm=farm, workers=())
            told = _introduction(demo, device)
    assert f"its device is {device.words}" in told
    typed = [line for line in told.splitlines() if "boruta ssh" in line or "export" in line]
    once = [f"  export BORUTA_SERVER={url}"] if port != USUAL_PORT else []
    assert typed[: len(once)] == once
    assert typed[len(once)].endswith("boruta ssh -c board=rpi4")
    assert told.count("BORUTA_SERVER") == len(once)
    explained = [
        line
        for line in told.replace(str(tmp_path), "").splitlines()
        if not line.startswith("  ") or line[2] == " "
    ]
    assert max(map(len, explained)) <= 80
