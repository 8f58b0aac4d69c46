"""Let original boards register over Go RPC, although the protocol proves nothing about them."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from boruta_farm.contracts import Reports, Superviser, Workers
from boruta_farm.gorpc.addresses import AddressRules, split_address
from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.dryad import answers
from boruta_farm.gorpc.limits import DEFAULT_LIMITS
from boruta_farm.gorpc.pace import Pace, nobody_else
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import REGISTER, SET_FAIL, RegisterRequest, SetFailRequest
from boruta_farm.model.addresses import Network, parse_ip
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import (
    AddressError,
    BorutaError,
    RefusedError,
    WorkerNotFoundError,
)
from boruta_farm.model.worker import UUID_CAPABILITY, Fence, Registration, Worker

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""An original agent registers once and then keeps its connection open without using it."""
PLACES = Places(in_total=2048, per_source=512, calls=200)
"""A thousand boards may come back at once; one address takes no more than a part."""
PACE = 0.015
"""Seconds from one board's turn to the next when many come at once while others are served."""
DISPUTE_AGAIN = 60.0
"""Seconds until the same dispute is told again: a board that insists must not fill the journal."""


class GoSuperviser:
    """Answer ``Superviser.Register`` and ``Superviser.SetFail``.

    ``allow`` are networks whose addresses any board may name; see ``AddressRules``. Ports for
    which ``own_ports`` is true are the server's own, and the one listened at is added to them.
    ``served`` counts what was answered to others, who are not to wait behind many boards.
    """

    def __init__(
        self,
        superviser: Superviser,
        workers: Workers,
        reports: Reports,
        *,
        allow: Sequence[Network] = (),
        own_ports: Callable[[int], bool] = lambda _port: False,
        public_ip: str | None = None,
        places: Places = PLACES,
        served: Callable[[], int] = nobody_else,
    ) -> None:
        self._superviser = superviser
        self._workers = workers
        self._reports = reports
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._disputed: dict[str, float] = {}
        self._listening: set[int] = set()
        self._rules = AddressRules(
            allow=allow,
            own_ports=lambda port: port in self._listening or own_ports(port),
            public_ip=public_ip,
        )
        self._server = RpcServer(
            [route(REGISTER, self._register), route(SET_FAIL, self._set_fail)],
            limits=replace(DEFAULT_LIMITS, idle_seconds=IDLE_SECONDS),
            places=places,
            pace=Pace(PACE, served),
        )

    async def listen(self, bound: socket.socket) -> None:
        """Serve boards on a bound TCP socket."""
        self._listening.add(int(bound.getsockname()[1]))
        await self._server.listen_socket(bound)

    async def close(self) -> None:
        """Stop listening and close every connection."""
        await self._server.close()

    async def _register(self, request: RegisterRequest, peer: RpcPeer) -> Empty:
        try:
            registration = await self._registration(request, peer)
            async with self._turn(registration.caps.get(UUID_CAPABILITY, "")):
                await self._refuse_twins(registration)
                answer = await self._superviser.register(registration)
        except BorutaError as error:
            logger.warning("refused the registration of a board at %s: %s", peer, error)
            raise
        logger.info("board %s registered over Go RPC from %s", answer.uuid, peer)
        return Empty()

    async def _registration(self, request: RegisterRequest, peer: RpcPeer) -> Registration:
        if not request.dryad_address:
            raise AddressError("dryadAddress can't be empty")
        if not request.ssh_address:
            raise AddressError("sshAddress can't be empty")
        caller = peer.host or ""
        return Registration(
            caps=request.capabilities,
            dryad_address=await self._rules.complete(request.dryad_address, caller),
            ssh_address=await self._rules.complete(request.ssh_address, caller),
            fence=Fence.NONE,
            source=caller,
        )

    async def _refuse_twins(self, registration: Registration) -> None:
        """Refuse a board under another's UUID while that one answers at its own address.

        The protocol has no credentials, so this is all that keeps one board from taking over
        another. A board of our own agent has one, and keeps its UUID until it is deregistered.
        Raises RefusedError.
        """
        known = await self._known(registration.caps.get(UUID_CAPABILITY, ""))
        if known is None:
            return
        claimer = registration.dryad_address
        if known.fence is Fence.AGENT:
            words = (
                f"UUID {known.uuid} belongs to a board with an agent of this farm, and the board "
                f"at {claimer} has none; give it a UUID of its own, or deregister the worker first"
            )
        elif known.dryad_address != claimer and await answers(known.dryad_address):
            words = (
                f"UUID {known.uuid} belongs to the board at {known.dryad_address}, which answers "
                f"there; give the board at {claimer} a UUID of its own, or switch the other one off"
            )
        else:
            return
        await self._tell_dispute(known, words, claimer)
        raise RefusedError(words)

    async def _tell_dispute(self, known: Worker, words: str, claimer: str) -> None:
        now = asyncio.get_running_loop().time()
        told = {uuid: at for uuid, at in self._disputed.items() if now < at + DISPUTE_AGAIN}
        self._disputed = told
        if known.uuid not in told:
            told[known.uuid] = now
            await self._reports.disputed(known.uuid, words, claimer)

    def _turn(self, uuid: str) -> asyncio.Lock:
        """Let one board at a time register under a UUID: two at once could both be the first."""
        return self._turns.setdefault(uuid, asyncio.Lock())

    async def _set_fail(self, request: SetFailRequest, peer: RpcPeer) -> Empty:
        worker = await self._known(request.uuid)
        if worker is None:
            raise WorkerNotFoundError
        host = parse_ip(split_address(worker.dryad_address)[0])
        own = host is not None and self._rules.may_name(host, peer.host or "")
        if worker.fence is not Fence.NONE or not own:
            logger.warning("%s may not fail worker %s", peer, worker.name)
            raise RefusedError("a board may report only its own failure, from its own address")
        await self._superviser.set_fail(request.uuid, request.reason)
        return Empty()

    async def _known(self, uuid: str) -> Worker | None:
        """Return the worker of exactly this UUID; the lookup also takes names."""
        try:
            worker = await self._workers.get_worker_info(LOCAL_ADMIN, uuid)
        except WorkerNotFoundError:
            return None
        return worker if worker.uuid == uuid else None
