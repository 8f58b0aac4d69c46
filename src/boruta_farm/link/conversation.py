"""The agent's end of one connection: hello, heartbeats, the server's calls."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from typing import Final

from boruta_farm.clock import FarmClock
from boruta_farm.contracts import CleanReport, FencedDryad, Registered, StreamingDryad
from boruta_farm.link.clocks import apart
from boruta_farm.link.failures import LONGEST_TEXT
from boruta_farm.link.fields import legible
from boruta_farm.link.frames import JsonObject
from boruta_farm.link.messages import (
    LONGEST_FACT,
    LONGEST_FOUND,
    MAX_FOUND,
    MOST_FACTS,
    MOST_KEYS,
    MOST_SESSIONS,
    AtEpoch,
    Cleaned,
    ConsolePart,
    Counted,
    Description,
    Extension,
    Failure,
    Goodbye,
    Heard,
    Heartbeat,
    Hello,
    HostCertificate,
    JobStart,
    KeySet,
    Maintenance,
    Method,
    Nothing,
    OpenStream,
    Preparation,
    Progressed,
    ReadyOrder,
    Recycled,
    Renewal,
    SessionInfo,
    Unready,
    Welcome,
    read,
    write,
)
from boruta_farm.link.peer import Peer
from boruta_farm.link.socket import Socket
from boruta_farm.link.versions import OLDEST, TELLS_CONSOLES, VERSION, agree
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import BoardError, BorutaError, ProtocolError, UnavailableError
from boruta_farm.model.readiness import LONGEST_LINE, LONGEST_PROGRESS, MOST_LINES, Readiness
from boruta_farm.model.worker import CLOCK_FACT, Registration

logger = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 15.0
BEATS_KEPT: Final = 64
SHORTEST_BEAT: Final = 0.5
LONGEST_BEAT: Final = 300.0
DONE: Final = write(Nothing())


class Conversation:
    """Speak for one board over one socket while ``run`` runs.

    ``register`` and ``set_fail`` are the contract ``Superviser``. The server's calls reach the
    board only after ``ready`` was set.
    """

    def __init__(
        self,
        socket: Socket,
        board: FencedDryad,
        clock: FarmClock,
        streams: StreamingDryad | None = None,
    ) -> None:
        self._board = board
        self._streams = streams
        self._clock = clock
        self._every = ANSWER_WITHIN / 3
        self._version = OLDEST
        self._sequence = 0
        self._sessions: tuple[int, ...] | None = None
        self._beats: OrderedDict[int, float] = OrderedDict()
        self._ready = asyncio.Event()
        self._renewal = asyncio.Event()
        self._ahead: float | None = None
        self._facts: Mapping[str, str] = {}
        self.goodbye: Goodbye | None = None
        self._peer = Peer(
            socket,
            {
                Method.CLEAN: self._clean,
                Method.PREPARE: self._prepare,
                Method.RECYCLE: self._recycle,
                Method.READY: self._make_ready,
                Method.GRANT: self._grant,
                Method.EXTEND: self._extend,
                Method.SET_KEYS: self._set_keys,
                Method.SESSIONS: self._count_sessions,
                Method.CERTIFY: self._certify,
                Method.END: self._end,
                Method.PUT_IN_MAINTENANCE: self._put_in_maintenance,
                Method.HEALTHCHECK: self._healthcheck,
                Method.PING: self._ping,
                Method.OPEN_STREAM: self._open_stream,
                Method.GOODBYE: self._goodbye,
            },
            lost=UnavailableError,
        )

    async def serve(self) -> None:
        """Carry calls both ways until either side ends the link. Raises ProtocolError."""
        await self._peer.serve()

    async def close(self) -> None:
        """End the link."""
        await self._peer.close(1000, "")

    async def register(self, registration: Registration) -> Registered:
        """Say hello. Raises the farm's errors, RefusedError, UnavailableError."""
        self._facts = registration.facts or {}
        answer = await self._peer.call(
            Method.REGISTER, write(hello_of(registration)), ANSWER_WITHIN
        )
        welcome = read(Welcome, answer)
        self._version = agree(welcome.version, welcome.version)
        self._every = min(max(welcome.heartbeat, SHORTEST_BEAT), LONGEST_BEAT)
        return Registered(uuid=welcome.uuid, farm_id=welcome.farm_id, epoch=welcome.epoch)

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Report that the board failed."""
        failure = Failure(uuid=uuid, reason=legible(reason, LONGEST_TEXT))
        await self._peer.call(Method.SET_FAIL, write(failure), ANSWER_WITHIN)

    async def renew(self, uuid: str, present: str, coming: str) -> None:
        """Announce the coming credential; the present one is known from this connection."""
        await self._peer.call(Method.RENEW, write(Renewal(credential=coming)), ANSWER_WITHIN)

    async def renewal_wanted(self) -> None:
        """Wait until the board can be called and the farm asks for a new credential."""
        await self._ready.wait()
        await self._renewal.wait()

    def tell_sessions(self, ports: frozenset[int] | None) -> None:
        """Tell with the next heartbeat from which ports somebody is signed in."""
        self._sessions = None if ports is None else tuple(sorted(ports)[:MOST_SESSIONS])

    async def ended(self, epoch: int) -> None:
        """Report that the job of ``epoch`` was over and its session is ended."""
        await self._peer.call(Method.ENDED, write(AtEpoch(epoch=epoch)), ANSWER_WITHIN)

    async def describe(self, facts: Mapping[str, str]) -> None:
        """Tell facts about the board."""
        self._facts = facts
        clock = {} if self._ahead is None else {CLOCK_FACT: apart(self._ahead)}
        description = Description(facts=_legible({**clock, **facts}))
        await self._peer.call(Method.DESCRIBE, write(description), ANSWER_WITHIN)

    async def console(self, epoch: int, chunk: ConsoleChunk) -> bool:
        """Tell a part of an ended job's log, where the server's version takes it."""
        if self._version < TELLS_CONSOLES:
            return False
        part = ConsolePart(
            epoch=epoch,
            console=chunk.console,
            sequence=chunk.sequence,
            count=chunk.count,
            dropped=chunk.dropped,
            content=chunk.content,
        )
        await self._peer.call(Method.CONSOLE, write(part), ANSWER_WITHIN)
        return True

    async def progressed(self, epoch: int, words: str) -> None:
        """Tell how far the board has come that is made ready."""
        told = Progressed(epoch=epoch, words=legible(words, LONGEST_PROGRESS))
        await self._peer.call(Method.PROGRESSED, write(told), ANSWER_WITHIN)

    async def readied(self, epoch: int) -> None:
        """Tell that the board is ready."""
        await self._peer.call(Method.READIED, write(AtEpoch(epoch=epoch)), ANSWER_WITHIN)

    async def unready(self, epoch: int, reason: str, lines: tuple[str, ...]) -> None:
        """Tell why the board could not be made ready."""
        said = tuple(legible(line, LONGEST_LINE) for line in lines[-MOST_LINES:])
        told = Unready(epoch=epoch, reason=legible(reason, LONGEST_TEXT), lines=said)
        await self._peer.call(Method.UNREADY, write(told), ANSWER_WITHIN)

    async def beat(self) -> None:
        """Send heartbeats. Raises UnavailableError as soon as one is not answered."""
        while True:
            self._sequence += 1
            self._beats[self._sequence] = self._clock.monotonic()
            if len(self._beats) > BEATS_KEPT:
                self._beats.popitem(last=False)
            ready = self._ready.is_set()
            wall = self._clock.now() + self._clock.drift()
            heartbeat = Heartbeat(
                sequence=self._sequence,
                ready=ready,
                clock=int(wall.timestamp() * 1000),
                sessions=self._sessions,
            )
            answer = await self._peer.call(Method.HEARTBEAT, write(heartbeat), ANSWER_WITHIN)
            heard = read(Heard, answer)
            if heard.renew:
                self._renewal.set()
            await self._note_clock(heard.ahead)
            await self._pause(ready=ready)

    async def _note_clock(self, ahead: float | None) -> None:
        """Tell the log and, at once, the farm's people when the board's clock is or was wrong."""
        before, self._ahead = self._ahead, ahead
        if (before is None) is (ahead is None):
            return
        if ahead is not None:
            logger.warning("this board's clock is %s", apart(ahead))
        try:
            await self.describe(self._facts)
        except UnavailableError:
            raise
        except BorutaError as error:
            logger.info("the clock is told with the next facts: %s", error.message)

    def set_ready(self) -> None:
        """Let the server call the board; the next heartbeat, sent at once, says so."""
        self._ready.set()

    async def _pause(self, *, ready: bool) -> None:
        try:
            async with asyncio.timeout(self._every):
                if ready:
                    await asyncio.get_running_loop().create_future()
                await self._ready.wait()
        except TimeoutError:
            return

    async def _clean(self, params: JsonObject) -> JsonObject:
        report = await self._called().clean(read(AtEpoch, params).epoch)
        return write(Cleaned(epoch=report.epoch, found=_found(report)))

    async def _prepare(self, params: JsonObject) -> JsonObject:
        wish = read(Preparation, params)
        prepared = await self._called().prepare(wish.key, epoch=wish.epoch)
        return write(SessionInfo(username=prepared.username, host_key=prepared.host_key))

    async def _recycle(self, params: JsonObject) -> JsonObject:
        wish = read(Preparation, params)
        report, prepared = await self._called().recycle(wish.key, epoch=wish.epoch)
        done = Recycled(
            found=_found(report), username=prepared.username, host_key=prepared.host_key
        )
        return write(done)

    async def _make_ready(self, params: JsonObject) -> JsonObject:
        wish = read(ReadyOrder, params)
        wanted = Readiness(
            image=wish.image,
            sha256=wish.sha256,
            storage=wish.storage,
            boot_until=wish.boot_until,
        )
        await self._called().ready(wish.epoch, wanted, wish.within)
        return DONE

    async def _grant(self, params: JsonObject) -> JsonObject:
        grant = read(JobStart, params)
        remaining = self._from_now(grant.heartbeat, grant.after)
        await self._called().grant(grant.epoch, remaining, grant.key)
        return DONE

    async def _extend(self, params: JsonObject) -> JsonObject:
        wish = read(Extension, params)
        remaining = self._from_now(wish.heartbeat, wish.after)
        await self._called().extend(wish.epoch, wish.sequence, remaining)
        return DONE

    async def _set_keys(self, params: JsonObject) -> JsonObject:
        wish = read(KeySet, params)
        await self._called().set_keys(wish.epoch, wish.sequence, wish.keys, wish.staying)
        return DONE

    async def _count_sessions(self, params: JsonObject) -> JsonObject:
        counted = await self._called().sessions(read(AtEpoch, params).epoch)
        lines = (f"{count} {key}".rstrip() for key, count in counted.items())
        return write(Counted(sessions=tuple(islice(lines, MOST_KEYS))))

    async def _certify(self, params: JsonObject) -> JsonObject:
        wish = read(HostCertificate, params)
        await self._called().certify(wish.epoch, wish.certificate)
        return DONE

    async def _end(self, params: JsonObject) -> JsonObject:
        await self._called().end(read(AtEpoch, params).epoch)
        return DONE

    async def _put_in_maintenance(self, params: JsonObject) -> JsonObject:
        await self._called().put_in_maintenance(read(Maintenance, params).message)
        return DONE

    async def _healthcheck(self, params: JsonObject) -> JsonObject:
        read(Nothing, params)
        await self._called().healthcheck()
        return DONE

    async def _ping(self, params: JsonObject) -> JsonObject:
        """Answer for the agent alone, ready or not: the board is not asked."""
        read(Nothing, params)
        return DONE

    async def _open_stream(self, params: JsonObject) -> JsonObject:
        wish = read(OpenStream, params)
        self._called()
        if self._streams is None:
            raise BoardError("this board's agent opens no streams")
        await self._streams.open_stream(wish.epoch, wish.token, wish.port)
        return DONE

    async def _goodbye(self, params: JsonObject) -> JsonObject:
        self.goodbye = read(Goodbye, params)
        return DONE

    def _called(self) -> FencedDryad:
        if not self._ready.is_set():
            raise UnavailableError("the agent is not ready yet; wait for its heartbeat")
        return self._board

    def _from_now(self, heartbeat: int, after: float) -> float:
        """Turn seconds after a heartbeat's sending into seconds from now."""
        sent = self._beats.get(heartbeat)
        if sent is None:
            raise ProtocolError(f"heartbeat {heartbeat} was not sent lately")
        return sent + after - self._clock.monotonic()


def hello_of(registration: Registration) -> Hello:
    """Return the hello by which a board registers."""
    return Hello(
        version=VERSION,
        oldest=OLDEST,
        caps=registration.caps,
        dryad_address=registration.dryad_address,
        ssh_address=registration.ssh_address,
        name=registration.name,
        epoch=registration.epoch,
        boot_id=registration.boot_id or "unknown",
        farm_id=registration.farm_id,
        join_token=registration.join_token,
        facts=_legible(registration.facts or {}),
        reach=registration.reach.value,
        local_ip=registration.local_ip,
        many_keys=registration.many_keys,
        beside=registration.beside,
    )


def _found(report: CleanReport) -> tuple[str, ...]:
    return tuple(legible(line, LONGEST_FOUND) for line in report.found[:MAX_FOUND])


def _legible(facts: Mapping[str, str]) -> dict[str, str]:
    return {
        legible(name, LONGEST_FACT): legible(fact, LONGEST_FACT)
        for name, fact in islice(facts.items(), MOST_FACTS)
    }
