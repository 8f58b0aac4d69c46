"""Connections in which nothing is said any more: borne for a while, then lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.client.ssh_config import DoorBlock
from boruta_farm.frontdoor import door
from boruta_farm.model.front_door import ALIVE_EVERY, ALIVE_MOST
from boruta_farm.model.request import RequestState
from tests.frontdoor.stage import Stage, jump

KEY = asyncssh.generate_private_key("ssh-ed25519")
BORNE = timedelta(minutes=2)


class Cable:
    """A way to the door that can be cut: what is sent meanwhile is kept, nobody hears of it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = True
        self._kept: list[tuple[asyncio.StreamWriter, bytes]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.asked: asyncio.Queue[bytes] = asyncio.Queue()
        """What the door says, as it says it; nothing once it has hung up."""

    def cut(self) -> None:
        """Let nothing through, either way."""
        self._whole = False
        while not self.asked.empty():
            self.asked.get_nowait()

    def mend(self) -> None:
        """Let through what was kept, and all that comes."""
        self._whole = True
        for writer, data in self._kept:
            writer.write(data)
        self._kept.clear()

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[int]:
        """Yield the port at which it begins."""
        async with await asyncio.start_server(self._take, "127.0.0.1", 0) as server:
            yield int(server.sockets[0].getsockname()[1])
            for writer in self._writers:
                writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += (writer, far_writer)
        up, down = self._carry(reader, far_writer), self._carry(far_reader, writer, self.asked)
        await asyncio.gather(up, down)

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: "asyncio.Queue[bytes] | None" = None,
    ) -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(65536)
            except ConnectionError:
                data = b""
            if heard is not None:
                heard.put_nowait(data)
            if self._whole:
                writer.write(data)
            else:
                self._kept.append((writer, data))


async def test_silence_is_borne_for_a_while_and_then_the_board_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a twentieth of the time, counted in the door's own questions for a sign of life."""
    monkeypatch.setattr(door, "ALIVE_EVERY", ALIVE_EVERY / 20)
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        cable = Cable(stage.port)
        async with cable.laid() as port:
            connection = await stage.come(KEY, port=port)
            reader, writer = await jump(connection, "rpi4")
            cable.cut()
            # Half of what is borne: the door asks, and nobody answers.
            for _ in range(ALIVE_MOST // 2):
                assert await asyncio.wait_for(cable.asked.get(), 20), "the door has hung up"
            cable.mend()
            writer.write(b"still here\n")
            assert await asyncio.wait_for(reader.readline(), 20) == b"still here\n"
            assert (await stage.until(1, RequestState.IN_PROGRESS)).finished is None
            cable.cut()
            while await asyncio.wait_for(cable.asked.get(), 20):
                pass
            await stage.until(1, RequestState.DONE)
            connection.abort()


def test_the_door_and_what_it_writes_for_ssh_bear_two_minutes() -> None:
    assert BORNE <= timedelta(seconds=ALIVE_EVERY * ALIVE_MOST) <= BORNE + timedelta(minutes=1)
    block = DoorBlock(host="farm", port=8022).text().split("\n")
    assert f"    ServerAliveInterval {ALIVE_EVERY}" in block
    assert f"    ServerAliveCountMax {ALIVE_MOST}" in block
