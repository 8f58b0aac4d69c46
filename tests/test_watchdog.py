import asyncio
import os
import socket
from pathlib import Path

import pytest

from boruta_farm.watchdog import Watchdog


class Manager:
    """Hear what a process tells."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)

    async def hears(self) -> str:
        async with asyncio.timeout(10):
            return (await asyncio.get_running_loop().sock_recv(self.socket, 100)).decode()


@pytest.mark.parametrize("abstract", [False, True])
async def test_a_process_tells_that_it_serves_lives_and_stops(
    tmp_path: Path, abstract: bool
) -> None:
    address = f"@boruta-{os.getpid()}" if abstract else str(tmp_path / "notify")
    environment = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "30000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    manager = Manager(address)
    watchdog = Watchdog(environment)
    assert environment == {"HOME": "/"}, "children do not speak for it"
    async with watchdog.serving():
        assert [await manager.hears() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    while (heard := await manager.hears()) == "WATCHDOG=1":
        pass
    assert heard == "STOPPING=1"
    manager.socket.close()


async def test_a_watchdog_that_is_meant_for_another_process_hears_no_beats(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    manager = Manager(address)
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"}
    async with Watchdog(environment).serving():
        assert await manager.hears() == "READY=1"
    assert await manager.hears() == "STOPPING=1"
    manager.socket.close()


async def test_nobody_asks_and_nothing_is_told() -> None:
    async with Watchdog({}).serving():
        pass


async def test_a_manager_that_is_gone_is_told_of_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Watchdog({"NOTIFY_SOCKET": str(tmp_path / "gone")}).serving():
        pass
    assert "cannot be told READY=1" in caplog.text
