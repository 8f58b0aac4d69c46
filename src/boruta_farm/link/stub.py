"""A connected board as the server sees it."""

from collections.abc import Mapping
from typing import Final, TypeVar

from boruta_farm.clock import Clock
from boruta_farm.contracts import CleanReport, Prepared
from boruta_farm.link.failures import LONGEST_TEXT
from boruta_farm.link.fields import legible
from boruta_farm.link.messages import (
    AtEpoch,
    Cleaned,
    Counted,
    Extension,
    HostCertificate,
    JobStart,
    KeySet,
    Maintenance,
    Message,
    Method,
    Nothing,
    OpenStream,
    Preparation,
    ReadyOrder,
    Recycled,
    SessionInfo,
    read,
    write,
)
from boruta_farm.link.peer import Peer
from boruta_farm.link.versions import OLDEST, RECYCLES
from boruta_farm.model.errors import AgentUnreachableError, BoardError, ProtocolError
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.worker import HOST_KEY, USERNAME

ANSWER_WITHIN: Final = 300.0
"""Seconds after which a call is given up for good; callers have shorter limits of their own."""

Answer = TypeVar("Answer", bound=Message)


class LinkedDryad:
    """Talk to one agent over one connection; after its end every call is AgentUnreachableError.

    Ends of jobs go out as seconds after a heartbeat of the agent's: what passed between its
    sending and its arrival shortens the job on the agent's side, never lengthens it.
    """

    def __init__(self, peer: Peer, clock: Clock) -> None:
        self._peer = peer
        self._clock = clock
        self.version = OLDEST
        """Which version of the link the agent speaks, once it has said so."""
        self._beat = 0
        self._beat_at = 0.0

    def heard(self, sequence: int) -> None:
        """Note the arrival of a heartbeat."""
        self._beat, self._beat_at = sequence, self._clock.monotonic()

    async def clean(self, epoch: int) -> CleanReport:
        """End the session of any earlier epoch and prove that nothing of it is left."""
        cleaned = await self._call(Method.CLEAN, AtEpoch(epoch=epoch), Cleaned)
        return CleanReport(epoch=cleaned.epoch, found=cleaned.found)

    async def prepare(self, key: str, *, epoch: int) -> Prepared:
        """Make a fresh session user whose only key is ``key``."""
        session = await self._call(Method.PREPARE, Preparation(epoch=epoch, key=key), SessionInfo)
        return _told(session)

    async def recycle(self, key: str, *, epoch: int) -> tuple[CleanReport, Prepared]:
        """Clean, then prepare; an older agent is asked for one after the other."""
        if self.version < RECYCLES:
            return await self.clean(epoch), await self.prepare(key, epoch=epoch)
        wish = write(Preparation(epoch=epoch, key=key))
        answer = await self._peer.call(Method.RECYCLE, wish, 2 * ANSWER_WITHIN)
        done = read(Recycled, answer)
        return CleanReport(epoch=epoch, found=done.found), _told(done)

    async def ready(self, epoch: int, wanted: Readiness, within: float) -> None:
        """Begin to make the board ready, ``within`` seconds from its hearing of it."""
        order = ReadyOrder(
            epoch=epoch,
            within=within,
            image=wanted.image,
            sha256=wanted.sha256,
            storage=wanted.storage,
            boot_until=wanted.boot_until,
        )
        await self._call(Method.READY, order, Nothing)

    async def grant(self, epoch: int, remaining: float, key: str | None) -> None:
        """Start the job of ``epoch``, which ends ``remaining`` seconds from now."""
        beat, after = self._from_beat(remaining)
        grant = JobStart(epoch=epoch, heartbeat=beat, after=after, key=key)
        await self._call(Method.GRANT, grant, Nothing)

    async def extend(self, epoch: int, sequence: int, remaining: float) -> None:
        """Store a later end for the job, ``remaining`` seconds from now."""
        beat, after = self._from_beat(remaining)
        extension = Extension(epoch=epoch, sequence=sequence, heartbeat=beat, after=after)
        await self._call(Method.EXTEND, extension, Nothing)

    async def set_keys(
        self, epoch: int, sequence: int, keys: tuple[str, ...], staying: tuple[str, ...] = ()
    ) -> None:
        """Let these keys, and no others, open the session beside its own."""
        wish = KeySet(epoch=epoch, sequence=sequence, keys=keys, staying=staying)
        await self._call(Method.SET_KEYS, wish, Nothing)

    async def sessions(self, epoch: int) -> Mapping[str, int]:
        """Tell how many sessions each key has open."""
        counted = await self._call(Method.SESSIONS, AtEpoch(epoch=epoch), Counted)
        found: dict[str, int] = {}
        for line in counted.sessions:
            number, _, key = line.partition(" ")
            if not (number.isascii() and number.isdigit()):
                raise ProtocolError("Counted: sessions must begin with a number")
            found[key] = int(number)
        return found

    async def certify(self, epoch: int, certificate: str) -> None:
        """Have the board's SSH server show a certificate."""
        wish = HostCertificate(epoch=epoch, certificate=certificate)
        await self._call(Method.CERTIFY, wish, Nothing)

    async def end(self, epoch: int) -> None:
        """End the session now."""
        await self._call(Method.END, AtEpoch(epoch=epoch), Nothing)

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        """Have the agent connect its SSH server to the relay."""
        await self._call(
            Method.OPEN_STREAM, OpenStream(epoch=epoch, token=token, port=port), Nothing
        )

    async def put_in_maintenance(self, message: str) -> None:
        """Show ``message`` and let nobody in."""
        words = Maintenance(message=legible(message, LONGEST_TEXT))
        await self._call(Method.PUT_IN_MAINTENANCE, words, Nothing)

    async def healthcheck(self) -> None:
        """Test the board."""
        await self._call(Method.HEALTHCHECK, Nothing(), Nothing)

    async def _call(self, method: Method, message: Message, answer: type[Answer]) -> Answer:
        return read(answer, await self._peer.call(method, write(message), ANSWER_WITHIN))

    def _from_beat(self, remaining: float) -> tuple[int, float]:
        """Turn seconds from now into seconds after the last heartbeat."""
        if not self._beat:
            raise AgentUnreachableError
        return self._beat, remaining + self._clock.monotonic() - self._beat_at


def _told(session: SessionInfo | Recycled) -> Prepared:
    """Take what is a user and a host key: people paste both into shells and files of theirs.

    Raises BoardError, which takes the board out of service.
    """
    if not USERNAME.fullmatch(session.username):
        raise BoardError(
            f"its agent tells {session.username[:80]!r} as the session's user, which is none"
        )
    if session.host_key is not None and not HOST_KEY.fullmatch(session.host_key):
        raise BoardError(
            f"its agent tells {session.host_key[:80]!r} as its host key, which is none in one line"
        )
    return Prepared(username=session.username, host_key=session.host_key)
