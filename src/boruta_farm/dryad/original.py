"""Belong to a server of the original system: listen for its calls, register, register again."""

import asyncio
import logging
import random
import socket
from typing import Final, NoReturn

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.fence import BoardFence
from boruta_farm.dryad.original_board import OriginalBoard
from boruta_farm.gorpc.addresses import split_address
from boruta_farm.gorpc.client import RpcClient, connect
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.routes import RpcPeer
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import REGISTER, SET_FAIL, RegisterRequest, SetFailRequest
from boruta_farm.link.backoff import Backoff
from boruta_farm.model.addresses import IP, parse_ip
from boruta_farm.model.errors import BoardError, BorutaError, ConfigError, UnavailableError

logger = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 30.0
"""Seconds for a call to the server, which does nothing slow while it answers."""

Addresses = frozenset[IP]


class OriginalServer:
    """Speak Go RPC with the server at ``boruta_address``, for as long as the agent runs.

    The original's server forgets its boards when it is restarted, and its own agent registers
    once. This one registers again about once a minute and as soon as it finds the server back:
    an unchanged registration changes nothing there, except that a FAILED board gets another try.
    A board on which nobody could log in is reported first (``SetFail``), so that it is prepared
    anew. Calls are accepted only from the addresses that ``boruta_address`` stands for.
    """

    def __init__(
        self,
        config: AgentConfig,
        fence: BoardFence,
        ssh_address: str,
        backoff: Backoff | None = None,
    ) -> None:
        self._address = split_address(config.boruta_address)
        self._listening = config.listen_address
        self._fence = fence
        self._uuid = config.uuid
        self._registration = RegisterRequest(
            capabilities=config.caps,
            dryad_address=_announced(config.listen_address),
            ssh_address=_announced(ssh_address),
        )
        self._backoff = backoff or Backoff(random.random)
        self._board = OriginalBoard(fence)
        self._callers: Addresses = frozenset()

    async def serve(self) -> NoReturn:
        """Serve until cancelled. Raises ConfigError when the agent cannot listen."""
        # Before the first call can come: another farm's session must not live on under this one.
        try:
            farm_id = "original {} {}".format(*self._address)
            await self._fence.adopt(farm_id, self._fence.state.epoch)
        except BoardError as error:
            logger.error("the board is not usable: %s", error.message)
        async with RpcServer(self._board.routes, admit=self._admit) as server:
            await self._listen(server)
            while True:
                try:
                    await self._stay()
                except UnavailableError as error:
                    logger.warning("the server is out of reach: %s", error.message)
                    await asyncio.sleep(self._backoff.next())
                except BorutaError as error:
                    logger.error("failed to register to boruta: %s", error.message)
                    await asyncio.sleep(self._backoff.slow())

    async def _listen(self, server: RpcServer) -> None:
        host, port = split_address(self._listening)
        try:
            await server.listen_tcp(host or None, port)
        except OSError as error:
            raise ConfigError(
                f"listen_address: {self._listening} cannot be used ({error.strerror}); "
                "is another agent running?"
            ) from None

    async def _stay(self) -> NoReturn:
        """Register over one connection, again and again. Raises UnavailableError at its end."""
        self._callers = await _resolve(*self._address)
        async with await connect(self._address) as client:
            while True:
                await self._register(client)
                self._backoff.reset()
                lost = asyncio.ensure_future(client.lost())
                try:
                    await asyncio.wait((lost,), timeout=self._backoff.slow())
                    if lost.done():
                        raise UnavailableError(f"the server has left: {lost.result()}")
                finally:
                    lost.cancel()

    async def _register(self, client: RpcClient) -> None:
        if (reason := self._board.vacancy) is not None:
            await self._report(client, reason)
        await client.call(REGISTER, self._registration, timeout=ANSWER_WITHIN)
        logger.info("registered to the server at %s port %d", *self._address)

    async def _report(self, client: RpcClient, reason: str) -> None:
        """Have the board prepared anew where it counts as ready; else the server refuses."""
        try:
            failed = SetFailRequest(uuid=self._uuid, reason=reason)
            await client.call(SET_FAIL, failed, timeout=ANSWER_WITHIN)
        except ServerError as error:
            logger.debug("not reported: %s", error.message)

    def _admit(self, peer: RpcPeer) -> bool:
        return parse_ip(peer.host or "") in self._callers


def _announced(address: str) -> str:
    """Return the address as the server can use it: without a host it takes the one it sees."""
    host, port = split_address(address)
    ip = parse_ip(host)
    return f":{port}" if ip is not None and ip.is_unspecified else address


async def _resolve(host: str, port: int) -> Addresses:
    """Return what a host stands for. Raises UnavailableError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnavailableError(f"boruta_address: {host!r} cannot be resolved: {error}") from None
    ips = (parse_ip(str(address[0])) for *_, address in found)
    return frozenset(ip for ip in ips if ip is not None)
