"""The server's end of one agent's connection: hello, heartbeats, reports."""

import asyncio
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from boruta_farm.clock import Clock
from boruta_farm.contracts import Registered, Registrar, Reports
from boruta_farm.link.addresses import complete, settle_reach
from boruta_farm.link.clocks import apart
from boruta_farm.link.fields import LONGEST_TIME
from boruta_farm.link.frames import JsonObject
from boruta_farm.link.messages import (
    AtEpoch,
    ConsolePart,
    Description,
    Failure,
    Goodbye,
    Heard,
    Heartbeat,
    Hello,
    Method,
    Nothing,
    Progressed,
    Recognised,
    Renewal,
    Unready,
    Welcome,
    read,
    write,
)
from boruta_farm.link.peer import Peer
from boruta_farm.link.socket import Socket
from boruta_farm.link.stub import LinkedDryad
from boruta_farm.link.versions import agree
from boruta_farm.model.addresses import same
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import (
    BorutaError,
    CredentialError,
    EnrolmentError,
    ProtocolError,
    RefusedError,
    SharedUUIDError,
    StaleEpochError,
    UnavailableError,
    WorkerNotFoundError,
)
from boruta_farm.model.worker import CLOCKS_AGREE, UUID_CAPABILITY, Fence, Reach, Registration

logger = logging.getLogger(__name__)

HEARTBEAT: Final = 5.0
SILENCE: Final = 15.0
HELLO_WITHIN: Final = 10.0
PING_WITHIN: Final = 3.0
"""For an older link, before a newer one of the same board takes its place."""
SILENT: Final = 4408
REFUSED: Final = 4403
REFUSALS: Final = 3
"""Hellos that one link may have refused: an honest agent goes after the first."""
DESCRIBE_EVERY: Final = 10.0
PROGRESS_EVERY: Final = 1.0
"""Seconds between two descriptions, and two words about a board that is made ready: each is written
down, and read by every follower."""

DONE: Final = write(Nothing())

Answer = TypeVar("Answer")
Notice = Callable[["AgentConnection"], None]
Turn = Callable[["AgentConnection", str], AbstractAsyncContextManager[None]]
"""Hold while one agent registers under a UUID; raises SharedUUIDError when another is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Tell who dialled in: the peer's address, whether it is this machine's, and its bearer."""

    ip: str
    local: bool
    credential: str | None = field(repr=False)

    @property
    def digest(self) -> str:
        """Return what is kept of the credential."""
        return hashlib.sha256((self.credential or "").encode()).hexdigest()


class AgentConnection:
    """Serve one agent: refuse what comes before its hello or speaks for another board.

    ``registered`` is told of every hello that the farm accepted, ``heard`` of every heartbeat
    of an agent that is ready to be called.
    """

    def __init__(
        self,
        socket: Socket,
        visitor: Visitor,
        clock: Clock,
        farm: tuple[Registrar, Reports],
        notices: tuple[Notice, Notice],
        turn: Turn,
    ) -> None:
        self._visitor = visitor
        self._clock = clock
        self._renew_at: datetime | None = None
        self._refused = 0
        self._superviser, self._reports = farm
        self._registered, self._heard = notices
        self._turn = turn
        self._deadline: asyncio.TimerHandle | None = None
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._clock_wrong = False
        self.uuid: str | None = None
        self.sessions: tuple[int, ...] | None = None
        self.guest = True
        self.peer_ip = visitor.ip
        self._told: Hello | None = None
        self.digest = visitor.digest
        self.peer = Peer(
            socket,
            {
                Method.REGISTER: self._register,
                Method.RECOGNISE: self._recognise,
                Method.HEARTBEAT: self._heartbeat,
                Method.RENEW: self._renew,
                Method.SET_FAIL: self._set_fail,
                Method.ENDED: self._ended,
                Method.DESCRIBE: self._describe,
                Method.CONSOLE: self._console,
                Method.PROGRESSED: self._progressed,
                Method.READIED: self._readied,
                Method.UNREADY: self._unready,
            },
        )
        self.board = LinkedDryad(self.peer, clock)

    async def serve(self) -> None:
        """Serve until either side ends the link, or the agent falls silent."""
        self._expect_within(HELLO_WITHIN)
        try:
            await self.peer.serve()
        except ProtocolError as error:
            logger.warning("closed the link of %s: %s", self.uuid or self._visitor.ip, error)
        finally:
            if self._deadline is not None:
                self._deadline.cancel()

    async def dismiss(self, reason: str, *, later: bool) -> None:
        """Tell the agent to go, and whether it should stay away for a while."""
        await self.peer.notify(Method.GOODBYE, write(Goodbye(reason=reason, later=later)))
        await self.peer.close(1001, "")

    async def _register(self, params: JsonObject) -> JsonObject:
        hello, version = self._hello(params)
        uuid = hello.caps.get(UUID_CAPABILITY)
        if self.uuid is not None and uuid != self.uuid:
            raise RefusedError(f"this link speaks for board {self.uuid} alone")
        self.board.version = version
        self._told = hello
        answer = await self._unless_refused(uuid, self._enter(hello))
        return write(_welcome(answer, version))

    async def _enter(self, hello: Hello) -> Registered:
        """Have the farm take the board, unless another agent speaks for it already."""
        async with self._turn(self, hello.caps.get(UUID_CAPABILITY, "")):
            answer = await self._superviser.register(self._registration(hello))
            self.uuid = answer.uuid
            self._renew_at = answer.renew_at
            self._registered(self)
            return answer

    def whereabouts(self, other: "AgentConnection") -> str:
        """Return where the agent is, in words that tell it from another.

        Agents on one machine, or behind one router, come from one address: then what each says of
        itself is told besides.
        """
        hello = self._told
        if self.peer_ip != other.peer_ip or hello is None:
            return self.peer_ip
        seen = hello.local_ip or ""
        own = {
            "host": (hello.facts or {}).get("Host", ""),
            "its own address": "" if same(seen, self.peer_ip) else seen,
            "SSH at": hello.ssh_address,
        }
        parts = ", ".join(f"{name} {value}" for name, value in own.items() if value)
        return f"{self.peer_ip} ({parts})"

    async def answers(self) -> bool:
        """Ask the agent whether it is there, for a short time; an error of its own will do."""
        try:
            await self.peer.call(Method.PING, DONE, PING_WITHIN)
        except UnavailableError:
            return False
        except BorutaError:
            # Older agents know no such call, and say so.
            return True
        return True

    async def _recognise(self, params: JsonObject) -> JsonObject:
        """Tell what a hello would be answered, which changes nothing."""
        hello, _ = self._hello(params)
        asked = self._superviser.recognise(self._registration(hello))
        uuid = hello.caps.get(UUID_CAPABILITY)
        return write(Recognised(enrolled=await self._unless_refused(uuid, asked)))

    def _hello(self, params: JsonObject) -> tuple[Hello, int]:
        """Return a hello and the version to be spoken."""
        hello = read(Hello, params)
        version = agree(hello.oldest, hello.version)
        if not self._visitor.credential:
            raise RefusedError("the agent presented no credential; update it")
        return hello, version

    async def _unless_refused(self, uuid: str | None, answer: Awaitable[Answer]) -> Answer:
        """Return what the farm answers; who is refused too often is cut off."""
        try:
            return await answer
        except (CredentialError, EnrolmentError, SharedUUIDError) as error:
            logger.warning("refused the agent of %s from %s: %s", uuid, self._visitor.ip, error)
            self._refused += 1
            if self._refused >= REFUSALS:
                self.peer.abort(REFUSED, "refused too often")
            raise

    def _registration(self, hello: Hello) -> Registration:
        reach = settle_reach(hello.reach, hello.ssh_address, hello.local_ip, self._visitor.ip)
        dialled = reach is not Reach.OUTBOUND
        return Registration(
            caps=hello.caps,
            dryad_address=complete(hello.dryad_address, self._visitor.ip),
            ssh_address=complete(hello.ssh_address, self._visitor.ip, dialled=dialled),
            fence=Fence.AGENT,
            name=hello.name,
            epoch=hello.epoch,
            boot_id=hello.boot_id,
            farm_id=hello.farm_id,
            credential=self._visitor.digest,
            join_token=hello.join_token,
            source=self._visitor.ip,
            local=self._visitor.local,
            facts=hello.facts,
            reach=reach,
            local_ip=hello.local_ip,
            many_keys=hello.many_keys,
            beside=hello.beside,
        )

    async def _heartbeat(self, params: JsonObject) -> JsonObject:
        beat = read(Heartbeat, params)
        if self.uuid is None:
            raise ProtocolError("a heartbeat before the hello")
        self._expect_within(SILENCE)
        self.board.heard(beat.sequence)
        self.sessions = beat.sessions
        if beat.ready:
            self._heard(self)
        due = self._renew_at is not None and self._renew_at <= self._clock.now()
        return write(Heard(renew=due, ahead=self._ahead(beat.clock)))

    def _ahead(self, shown: int | None) -> float | None:
        """Return by how many seconds the board's clock is wrong, and tell the log when it is."""
        ahead = 0.0 if shown is None else shown / 1000 - self._clock.now().timestamp()
        wrong = abs(ahead) > CLOCKS_AGREE.total_seconds()
        if wrong is not self._clock_wrong:
            self._clock_wrong = wrong
            if wrong:
                logger.warning("the clock of board %s is %s", self.uuid, apart(ahead))
            else:
                logger.info("the clock of board %s agrees with the farm's time", self.uuid)
        return max(-LONGEST_TIME, min(ahead, LONGEST_TIME)) if wrong else None

    async def _renew(self, params: JsonObject) -> JsonObject:
        renewal = read(Renewal, params)
        await self._superviser.renew(self._known(), self._visitor.digest, renewal.credential)
        self._renew_at = None
        return DONE

    async def _set_fail(self, params: JsonObject) -> JsonObject:
        failure = read(Failure, params)
        if failure.uuid != self.uuid:
            raise WorkerNotFoundError
        await self._superviser.set_fail(failure.uuid, failure.reason)
        return DONE

    async def _ended(self, params: JsonObject) -> JsonObject:
        report = read(AtEpoch, params)
        try:
            await self._reports.ended(self._known(), report.epoch)
        except StaleEpochError:
            logger.info("worker %s epoch %d: its end was known already", self.uuid, report.epoch)
            raise
        return DONE

    async def _describe(self, params: JsonObject) -> JsonObject:
        description = read(Description, params)
        uuid = self._known()
        self._space("a board may be described", DESCRIBE_EVERY)
        await self._reports.described(uuid, description.facts)
        return DONE

    async def _console(self, params: JsonObject) -> JsonObject:
        part = read(ConsolePart, params)
        chunk = ConsoleChunk(
            console=part.console,
            sequence=part.sequence,
            count=part.count,
            dropped=part.dropped,
            content=part.content,
        )
        await self._reports.console(self._known(), part.epoch, chunk)
        return DONE

    async def _progressed(self, params: JsonObject) -> JsonObject:
        told = read(Progressed, params)
        uuid = self._known()
        self._space("how far a board has come may be told", PROGRESS_EVERY)
        await self._reports.progressed(uuid, told.epoch, told.words)
        return DONE

    async def _readied(self, params: JsonObject) -> JsonObject:
        await self._reports.readied(self._known(), read(AtEpoch, params).epoch)
        return DONE

    async def _unready(self, params: JsonObject) -> JsonObject:
        told = read(Unready, params)
        await self._reports.unready(self._known(), told.epoch, told.reason, told.lines)
        return DONE

    def _space(self, what: str, every: float) -> None:
        """Refuse what comes sooner after the last of its kind. Raises RefusedError."""
        now = self._clock.monotonic()
        if now - self._told_at.get(what, -math.inf) < every:
            raise RefusedError(f"{what} once in {every:g} s")
        self._told_at[what] = now

    def _known(self) -> str:
        """Return the board that the agent speaks for. Raises WorkerNotFoundError."""
        if self.uuid is None:
            raise WorkerNotFoundError
        return self.uuid

    def _expect_within(self, limit: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(limit, self._give_up, limit)

    def _give_up(self, limit: float) -> None:
        logger.warning("%s was silent for %g s: link closed", self.uuid or self._visitor.ip, limit)
        self.peer.abort(SILENT, f"silent for {limit:g} s")


def _welcome(answer: Registered, version: int) -> Welcome:
    return Welcome(
        version=version,
        uuid=answer.uuid,
        farm_id=answer.farm_id,
        epoch=answer.epoch,
        heartbeat=HEARTBEAT,
    )
