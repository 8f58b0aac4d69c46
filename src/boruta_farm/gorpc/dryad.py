"""Call a board's agent over Go RPC, as the original server does."""

import logging
from collections.abc import Callable
from datetime import timedelta

from boruta_farm.contracts import Dryad, Prepared
from boruta_farm.gorpc.addresses import split_address
from boruta_farm.gorpc.client import RpcClient, connect
from boruta_farm.gorpc.errors import CallTimeoutError, DisconnectedError
from boruta_farm.gorpc.keys import parse_authorized_key
from boruta_farm.gorpc.pace import Pace, nobody_else
from boruta_farm.gorpc.rpc import ArgumentT, ReplyT, RpcMethod
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    HEALTHCHECK,
    PREPARE,
    PUT_IN_MAINTENANCE,
    PrepareRequest,
    PutInMaintenanceRequest,
)
from boruta_farm.model.errors import (
    AgentRefusedError,
    AgentUnreachableError,
    BoardError,
    BoardSilentError,
    KeyRefusedError,
    ProtocolError,
    UnavailableError,
)
from boruta_farm.model.worker import DEFAULT_USERNAME, Worker

logger = logging.getLogger(__name__)

CONNECT_WITHIN = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=60)
"""The original's agent creates a user and takes no times; its own server would wait for ever."""
PACE = 0.02
"""Seconds from one board's call to the next when many are wanted while others are served."""


class GoDryad:
    """One board's agent: every call makes a connection of its own, which it then closes.

    AgentUnreachableError means that the board was not reached and did nothing, AgentRefusedError
    that its machine said so at once. BoardSilentError means that it is unknown whether the
    agent acted, any other BoardError that it answered with an error.
    """

    def __init__(
        self,
        address: str,
        username: str = DEFAULT_USERNAME,
        answer_within: timedelta = ANSWER_WITHIN,
        pace: Pace | None = None,
    ) -> None:
        self._address = split_address(address)
        self._username = username
        self._answer_within = answer_within
        self._pace = pace

    async def put_in_maintenance(self, message: str) -> None:
        """Show ``message`` on the board. Raises BoardError, AgentUnreachableError."""
        await self._call(PUT_IN_MAINTENANCE, PutInMaintenanceRequest(message=message))

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Renew the session user and let ``key`` in; the agent knows no epochs.

        Raises BoardError, also for keys other than RSA and Ed25519, which cannot travel, and
        AgentUnreachableError.
        """
        try:
            public = parse_authorized_key(key)
        except ProtocolError as error:
            raise KeyRefusedError(f"the key cannot be sent over Go RPC: {error}") from error
        await self._call(PREPARE, PrepareRequest(key=public))
        logger.debug("%s port %d prepared for epoch %d", *self._address, epoch)
        return Prepared(username=self._username)

    async def healthcheck(self) -> None:
        """Test the board, which cuts the power of its device under test for a second.

        Raises BoardError, AgentUnreachableError. Health rounds do not call this: see ``knock``.
        """
        await self._call(HEALTHCHECK, Empty())

    async def knock(self) -> None:
        """See whether the agent still accepts connections. Raises AgentUnreachableError."""
        client = await self._connect()
        await client.close()

    async def _connect(self) -> RpcClient:
        if self._pace is not None:
            await self._pace.turn()
        try:
            return await connect(self._address, timeout=CONNECT_WITHIN.total_seconds())
        except UnavailableError as error:
            refused = isinstance(error.__cause__, ConnectionRefusedError)
            kind = AgentRefusedError if refused else AgentUnreachableError
            raise kind(f"the agent is out of reach: {error}") from error

    async def _call(self, method: RpcMethod[ArgumentT, ReplyT], argument: ArgumentT) -> None:
        client = await self._connect()
        try:
            seconds = self._answer_within.total_seconds()
            await client.call(method, argument, timeout=seconds)
        except (CallTimeoutError, DisconnectedError) as error:
            raise BoardSilentError(f"{method.name}: {error}") from error
        except ProtocolError as error:
            raise BoardError(str(error)) from error
        finally:
            await client.close()


class GoDialler:
    """The contract Dialler over Go RPC; calls to many boards at once are spread a little."""

    def __init__(self, served: Callable[[], int] = nobody_else) -> None:
        """Take what counts the answers to others, who are not to wait behind many boards."""
        self._pace = Pace(PACE, served)

    def dial(self, worker: Worker) -> Dryad:
        """Return the board's agent; nothing is sent before the first call."""
        return GoDryad(worker.dryad_address, pace=self._pace)

    async def knock(self, worker: Worker) -> None:
        """Connect to the board's agent and close. Raises AgentUnreachableError."""
        await GoDryad(worker.dryad_address, pace=self._pace).knock()


async def answers(address: str) -> bool:
    """Tell whether an agent accepts connections at ``IP:port``."""
    try:
        await GoDryad(address).knock()
    except AgentUnreachableError:
        return False
    return True
