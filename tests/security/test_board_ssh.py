"""Threat: a board's ssh attacks the farm's own end of a connection, that of page or front door."""

import asyncio
from typing import cast

import asyncssh
import pytest

from boruta_farm.frontdoor.boards import Granted
from boruta_farm.frontdoor.bridge import BoardBridge, Near, SessionWish
from boruta_farm.frontdoor.names import Here
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import TerminalError, UnavailableError
from boruta_farm.model.worker import AccessInfo
from boruta_farm.terminals.sessions import BoardSessions
from boruta_farm.terminals.slices import SLICE

HOST_KEY, JOB_KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
MANY, LEAST = 3000, 32
"""Packets of a flood, and the bytes that each has at least."""

COSTLY = [
    pytest.param({"compression_algs": "zlib@openssh.com"}, id="zlib"),
    pytest.param({"kex_algs": "diffie-hellman-group18-sha512"}, id="group18"),
    pytest.param({"kex_algs": "diffie-hellman-group-exchange-sha256"}, id="group-exchange"),
    pytest.param({"kex_algs": "rsa2048-sha256"}, id="rsa"),
]


class LetsIn(asyncssh.SSHServer):
    """Ask nobody who he is."""

    def begin_auth(self, username: str) -> bool:
        return False


class Held:
    """Be all that the bridge needs of a granted board: its farm, its request, its worker."""

    name = "lab-rpi4"
    host = "127.0.0.1"
    id = 1
    caller = LOCAL_ADMIN

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests = self.farm = self.request = self.worker = self

    async def acquire_worker(self, _caller: object, _request_id: int) -> AccessInfo:
        return AccessInfo(
            ip=self.host,
            port=self.port,
            key=JOB_KEY.export_private_key().decode(),
            username="boruta-user",
            host_key=HOST_KEY.export_public_key().decode().strip(),
        )


class Floods(LetsIn):
    """Send packets that mean nothing, as many as the network takes, once somebody is in."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def auth_completed(self) -> None:
        for _ in range(MANY):
            self._connection.send_debug("")


class Pieces:
    """How much the library is handed at once at our end; ``whole`` when all of a flood has come."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.whole = asyncio.Event()

    def note(self, size: int) -> None:
        self.sizes.append(size)
        if sum(self.sizes) >= MANY * LEAST:
            self.whole.set()


@pytest.fixture
async def pieces(monkeypatch: pytest.MonkeyPatch) -> Pieces:
    """Return what is noted from now on."""
    pieces = Pieces()
    handle = asyncssh.SSHClientConnection.data_received

    def note(self: asyncssh.SSHClientConnection, data: bytes, datatype: int | None = None) -> None:
        pieces.note(len(data))
        handle(self, data, datatype)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "data_received", note)
    return pieces


async def test_small_packets_of_a_board_keep_nobody_waiting_in_the_server_of_the_page(
    pieces: Pieces,
) -> None:
    async with await hostile({}, Floods) as board:
        access = await Held(board.get_port()).acquire_worker(LOCAL_ADMIN, 1)
        sessions = BoardSessions()
        try:
            await sessions.reach(1, access)
            await asyncio.wait_for(pieces.whole.wait(), 60)
        finally:
            await sessions.close()
    assert max(pieces.sizes) <= SLICE


async def test_small_packets_of_a_board_keep_nobody_waiting_in_the_front_door(
    pieces: Pieces,
) -> None:
    async with await hostile({}, Floods) as board:
        bridge = BoardBridge(cast("Near", None))
        carrying = asyncio.create_task(
            bridge.carry_out(
                cast("Granted", Held(board.get_port())),
                SessionWish(command="true"),
                Here(host="farm", port=8022),
                lambda: None,
            )
        )
        await asyncio.wait_for(pieces.whole.wait(), 60)
        # Such a board opens no session.
        with pytest.raises(UnavailableError):
            await carrying
    assert max(pieces.sizes) <= SLICE


async def hostile(wanted: dict[str, str], behaves: type[LetsIn] = LetsIn) -> asyncssh.SSHAcceptor:
    """Listen as a board that takes nothing but what costs the other end much."""
    return await asyncssh.listen(
        "127.0.0.1", 0, server_factory=behaves, server_host_keys=[HOST_KEY], **wanted
    )


@pytest.mark.parametrize("wanted", [*COSTLY, pytest.param({}, id="honest")])
async def test_no_board_has_the_server_of_the_page_do_costly_things(
    wanted: dict[str, str],
) -> None:
    async with await hostile(wanted) as board:
        access = await Held(board.get_port()).acquire_worker(LOCAL_ADMIN, 1)
        sessions = BoardSessions()
        try:
            if wanted:
                with pytest.raises(TerminalError, match="cannot be reached"):
                    await sessions.reach(1, access)
            else:
                await sessions.reach(1, access)
        finally:
            await sessions.close()


@pytest.mark.parametrize("wanted", COSTLY)
async def test_no_board_has_the_front_door_do_costly_things(wanted: dict[str, str]) -> None:
    async with await hostile(wanted) as board:
        bridge = BoardBridge(cast("Near", None))
        with pytest.raises(UnavailableError, match="does not let the farm in"):
            await bridge.carry_out(
                cast("Granted", Held(board.get_port())),
                SessionWish(command="true"),
                Here(host="farm", port=8022),
                lambda: None,
            )
