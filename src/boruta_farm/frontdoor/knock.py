"""One connection at the door: who it is, and where it may lead."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, NoReturn

import asyncssh

from boruta_farm.frontdoor.boards import HeldBoards
from boruta_farm.frontdoor.crowd import DoorCrowd
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.intake import Intake
from boruta_farm.frontdoor.line import ServerLine
from boruta_farm.frontdoor.names import Here, certificate_of, fingerprint, plain, want_of
from boruta_farm.frontdoor.pipe import Pipe
from boruta_farm.frontdoor.refusals import told_here
from boruta_farm.frontdoor.session import DoorSession
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    TooManyCallsError,
    UnauthenticatedError,
    UnavailableError,
    WantError,
)
from boruta_farm.model.front_door import (
    CertificateShown,
    DoorVisitor,
    KeyHolding,
    KeyShown,
    SignedIn,
    TokenShown,
    TurnedAway,
)
from boruta_farm.model.listing import Paginator, WorkerFilter
from boruta_farm.model.worker import WorkerState
from boruta_farm.selectors.want import Want
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

SSH_PORT: Final = 22
MOST_CHANNELS: Final = 100
"""Sessions and ways to boards of one connection, those that are waited for too."""
SOON_FREE: Final = (WorkerState.IDLE, WorkerState.PREPARE)
"""States of boards for which nobody waits longer than until they are clean."""
LOOKED_AT: Final = 20
"""Such boards that are looked at, for one whose agent is in reach."""
KEY_GONE: Final = "your key was taken away; connect again with another"
TOKEN_GONE: Final = "your token was revoked, or has expired; connect again with another"
MOST_TRIES: Final = 20
"""Keys and tokens that one connection may try."""
MOST_TOKENS: Final = 3
"""Tokens among them, as many as ssh asks for: keys are not guessed."""
NOT_ELSEWHERE: Final = (
    "this door leads to boards' ssh alone: name a board, without a port; ports of the board are "
    "forwarded by -L over the connection to it"
)


class Knock(asyncssh.SSHServer):
    """Answer one connection.

    Whoever shows a key of an account, or gives a token as his password, is a guest. He may open
    sessions at the door itself, and connections to the boards of his own running requests: what
    he names is never looked up as a host.
    """

    def __init__(self, line: ServerLine, boards: HeldBoards, crowd: DoorCrowd) -> None:
        self.line = line
        self.boards = boards
        self.user = ""
        self.here = Here(host="", port=0)
        self.offered: list[str] = []
        """Keys that were shown and are nobody's, for the offer to keep one."""
        self._crowd = crowd
        self._connection: asyncssh.SSHServerConnection
        self._intake: Intake
        self.begun = False
        """Whether the library has taken the connection over, and ends it."""
        self._cut = False
        self._source = ""
        self._found: dict[str, DoorVisitor] = {}
        self._candidate: tuple[DoorVisitor, str | None, str] | None = None
        self._certificate = ""
        """What came with the key that is asked for now, if anything did."""
        self._guest: DoorGuest | None = None
        self.gone = KEY_GONE
        """What is said to a guest who is not let in any more."""
        self._trouble = ""
        self._tries = 0
        self._tokens = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._entered = False
        self._pipes: set[Pipe] = set()
        self._sessions = 0
        self._waiting = 0

    @property
    def guest(self) -> DoorGuest:
        """Return who it is. Raises ForbiddenError where he is not let in any more."""
        if self._guest is None:
            raise ForbiddenError(self.gone)
        return self._guest

    @property
    def holding(self) -> KeyHolding | None:
        """Return what keeps the guest in, None where nobody is in."""
        if self._guest is None:
            return None
        guest = self._guest
        return KeyHolding(
            account=guest.visitor.account,
            key="" if guest.certificate else guest.key or "",
            certificate=guest.certificate,
            token=guest.visitor.token,
            user=guest.user,
            source=guest.source,
        )

    def put_out(self) -> None:
        """Open nothing more for a guest whose key or account is gone; what he has goes on."""
        self._guest = None
        for task in self._tasks:
            task.cancel()

    def cut(self) -> None:
        """Break the connection off."""
        self._cut = True
        if self.begun:
            self._connection.abort()

    def part(self, reason: str) -> None:
        """End the connection."""
        self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    # What the library asks.

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Take a connection in, if there is room."""
        self._connection = conn
        peer = conn.get_extra_info("peername")
        self._source = str(peer[0]) if peer else ""
        self.here = Here.of(conn)
        self.begun = True
        self._take_certificates(conn)
        # Told by nothing public; the library hands what it was given to nobody else.
        transport = conn._transport  # noqa: SLF001
        assert transport is not None
        self._intake = Intake(transport, conn, self._flooded)
        if self._cut:
            conn.abort()

    def _flooded(self) -> None:
        self._tries += 1
        self._trouble = "it sent more than a sign-in takes"
        self._connection.abort()

    def _take_certificates(self, conn: asyncssh.SSHServerConnection) -> None:
        """Have certificates judged by the farm, as a whole, in place of the library.

        The library tells its server of the authority alone, takes a certificate without principals
        for everybody's, and wants the user's name among them, which here need not be an account's.
        It still sees whether whoever comes has the key that the certificate is of.
        """
        proved = conn.validate_public_key

        async def validate(username: str, blob: bytes, message: bytes, signature: bytes) -> bool:
            made = certificate_of(blob)
            self._certificate = ""
            if made is not None:
                self._certificate = made.export_certificate().decode("ascii").strip()
                blob = made.key.public_data
            good = await proved(username, blob, message, signature)
            if good and signature:
                # The last moment at which ssh shows words, and only to who has proved his key.
                await self._tell_of_waiting()
            return good

        conn.validate_public_key = validate  # type: ignore[method-assign,assignment]  # of this one alone

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what he waited for, and tell of one who did not get in."""
        for task in self._tasks:
            task.cancel()
        for pipe in self._pipes:
            pipe.close()
        if self._guest is None and not self._entered and self._tries:
            self._crowd.failed(self._source)
            reason = self._trouble or "no key or token that he gave is known"
            self._keep(
                self._noted(
                    self.line.refused(
                        TurnedAway(user=self.user[:64], source=self._source, reason=reason)
                    )
                )
            )

    def begin_auth(self, username: str) -> bool:
        """Ask everybody who he is."""
        self.user = username
        return True

    def public_key_auth_supported(self) -> bool:
        """Take keys."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Tell whether a key is an account's; the last one asked for is the one that is proved."""
        if not self._may_try():
            return False
        shown = plain(key)
        self._candidate = None
        if self._certificate:
            return await self._validate_certificate(username, shown)
        if shown not in self._found:
            try:
                asked = KeyShown(key=shown, user=username, source=self._source)
                self._found[shown] = await self.line.whose_key(asked)
            except UnauthenticatedError:
                if shown not in self.offered:
                    self.offered.append(shown)
                return False
            except BorutaError as error:
                self._say_trouble(error)
                return False
        self._candidate = (self._found[shown], shown, "")
        return True

    async def _validate_certificate(self, username: str, key: str) -> bool:
        line = self._certificate
        if line not in self._found:
            asked = CertificateShown(certificate=line, user=username, source=self._source)
            try:
                self._found[line] = await self.line.whose_certificate(asked)
            except BorutaError as error:
                self._trouble = error.message
                if not isinstance(error, UnauthenticatedError):
                    self._banner(error.message)
                return False
        self._candidate = (self._found[line], key, line)
        return True

    def password_auth_supported(self) -> bool:
        """Take tokens."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Tell whether a token is good."""
        self._tokens += 1
        if self._tokens > MOST_TOKENS:
            self.part("too many tokens; connect again with the right one")
            return False
        if not self._may_try():
            return False
        self._candidate = None
        try:
            visitor = await self.line.whose_token(TokenShown(token=password, source=self._source))
        except UnavailableError as error:
            self._say_trouble(error)
            return False
        except BorutaError as error:
            self._trouble = error.message
            return False
        self._candidate = (visitor, None, "")
        return True

    def auth_completed(self) -> None:
        """Let him in."""
        guest = self._guest_to_be()
        if guest is None:
            self.part("nobody has signed in")
            return
        self._entered = True
        try:
            self._crowd.known(self, guest.who)
        except TooManyCallsError as error:
            self.part(error.message)
            return
        self._guest = guest
        self._intake.signed_in = True
        if guest.visitor.token:
            self.gone = TOKEN_GONE
        visitor, proof = guest.visitor, guest.visitor.proof
        if not proof:
            proof = "a token" if guest.key is None else f"SSH key {fingerprint(guest.key)}"
        entered = SignedIn(name=visitor.name, source=self._source, proof=proof)
        self._keep(self._noted(self.line.entered(entered)))

    def _guest_to_be(self) -> DoorGuest | None:
        """Return who it is if what he shows now is proved, None where he shows nothing known."""
        if self._candidate is None:
            return None
        visitor, key, certificate = self._candidate
        return DoorGuest(
            visitor=visitor,
            key=key,
            source=self._source,
            certificate="" if visitor.open_farm else certificate,
            user=self.user,
        )

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Any:
        """Lead to a wanted board; to nothing else, whatever it is called."""
        if dest_port != SSH_PORT:
            raise refused(NOT_ELSEWHERE)
        try:
            want = want_of(dest_host)
        except WantError as error:
            raise refused(error.message) from None
        self._find_room()
        self._waiting += 1
        return self._lead(want, dest_host)

    def unix_connection_requested(self, dest_path: str) -> NoReturn:
        """Lead to no socket."""
        raise refused(NOT_ELSEWHERE)

    def session_requested(self) -> DoorSession:
        """Open a session at the door itself."""
        self._find_room()
        self._sessions += 1
        return DoorSession(self)

    def session_over(self) -> None:
        """Count a session out."""
        self._sessions -= 1

    def _find_room(self) -> None:
        # Counted as they are asked for: thousands may be asked for before one of them begins.
        if self._sessions + self._waiting + len(self._pipes) >= MOST_CHANNELS:
            raise refused(f"this connection has {MOST_CHANNELS} channels already; end one")

    # What is done for him.

    async def _lead(self, want: Want, name: str) -> "JumpSession":
        task = asyncio.ensure_future(self._led(want, name))
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            raise refused(self.gone if self._entered and not self._guest else "given up") from None
        finally:
            self._tasks.discard(task)
            self._waiting -= 1

    async def _led(self, want: Want, name: str) -> "JumpSession":
        session = JumpSession()
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        visit = asyncio.create_task(self.carry(want, name, session.pipe, opened, _silent))
        self._keep_task(visit)
        try:
            await asyncio.shield(opened)
        except asyncio.CancelledError:
            visit.cancel()
            raise
        except BorutaError as error:
            raise refused(told_here(error, Times(now=self.line.farm().now()), self.here)) from None
        except OSError as error:
            raise refused(f"the board's tunnel cannot be reached: {error.strerror}") from None
        return session

    async def carry(
        self,
        want: Want,
        name: str,
        pipe: Callable[[Callable[[], None]], Pipe],
        opened: "asyncio.Future[None]",
        tell: Callable[[str], None],
    ) -> None:
        """Have a board, and a pipe to its tunnel, until the pipe has ended.

        ``name`` is what was typed, which the board's host certificate is to hold. ``opened`` gets
        its result once the pipe leads there, or what kept it from that.
        """
        ended = asyncio.Event()
        try:
            async with AsyncExitStack() as stack:
                guest = self.guest
                if guest.key is None:
                    raise ForbiddenError(
                        "a board opens to keys, and you have shown none; any will do: make one by "
                        "ssh-keygen -t ed25519"
                        if guest.visitor.open_farm
                        else "you signed in with a token, and a board opens to keys: keep yours "
                        f"first, by: ssh {self.here.words}"
                    )
                granted = await stack.enter_async_context(
                    self.boards.visit(guest, want, tell, self.here, own_key=True)
                )
                await self.line.called(granted.request.id, name)
                loop = asyncio.get_running_loop()
                _, made = await loop.create_connection(
                    lambda: pipe(ended.set), granted.host, granted.port
                )
                self._pipes.add(made)
                try:
                    opened.set_result(None)
                    await ended.wait()
                finally:
                    made.close()
                    self._pipes.discard(made)
        except asyncio.CancelledError:
            if not opened.done():
                opened.cancel()
            raise
        except (BorutaError, OSError) as error:
            if opened.done():
                log.info("a connection of %s ended: %s", self.user, error)
            else:
                opened.set_exception(error)

    def follow(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do something for as long as the connection lasts."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tell_of_waiting(self) -> None:
        """Say beforehand that a jump will wait in silence: later there is no way to say it.

        Where he wants to go, ssh tells only after the last moment at which it shows words: nothing
        can be said of the board that is named, and who comes for a verb reads it, too.
        """
        guest = self._guest_to_be()
        if guest is None or self.boards.any_of(guest):
            return
        try:
            none_free = await self._none_free()
        except BorutaError:
            return
        if none_free:
            self._banner(
                "no board is free now. The door's verbs answer at once; a jump waits silently for "
                "its turn, as long as ConnectTimeout (0: any time) lets it; where it stands is "
                f"told by: ssh {self.here.words} ls. Ctrl-C gives it up."
            )

    async def _none_free(self) -> bool:
        """Tell whether there are boards, and none of them is free or about to be."""
        farm = self.line.farm()
        # Not all of them: he waits for this, and 500 boards took 50 ms of processor.
        soon = await farm.workers.list_workers(
            farm.caller, WorkerFilter(states=SOON_FREE), paginator=Paginator(limit=LOOKED_AT)
        )
        if soon.remaining or any(worker.unreachable_since is None for worker in soon.items):
            return False
        return (
            await farm.workers.list_workers(farm.caller, paginator=Paginator(limit=1))
        ).total > 0

    def _may_try(self) -> bool:
        self._tries += 1
        if self._tries > MOST_TRIES:
            self.part("too many keys and tokens; name the right one by -i, with IdentitiesOnly=yes")
        return self._tries <= MOST_TRIES

    def _say_trouble(self, error: BorutaError) -> None:
        self._trouble = error.message
        self._banner("the farm's server is out of reach; try again in a moment")

    def _banner(self, text: str) -> None:
        try:
            self._connection.send_auth_banner(f"boruta: {text}\r\n")
        except OSError:
            # Signed in meanwhile, or gone: there is nobody to say it to.
            return

    async def _noted(self, entering: Awaitable[None]) -> None:
        try:
            await entering
        except BorutaError as error:
            log.warning("not entered into the audit: %s of %s (%s)", self.user, self._source, error)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep_task(asyncio.create_task(work))

    def _keep_task(self, task: "asyncio.Task[Any]") -> None:
        # Not among those that end with the connection: what they hold, they give back themselves.
        KEPT.add(task)
        task.add_done_callback(KEPT.discard)


KEPT: set["asyncio.Task[Any]"] = set()
"""What is under way, so that it is not collected."""


class JumpSession(asyncssh.SSHTCPSession[bytes]):
    """Be the session of a channel that leads to a board."""

    def __init__(self) -> None:
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._pipe: Pipe | None = None

    def pipe(self, ended: Callable[[], None]) -> Pipe:
        """Return the end towards the board."""
        self._pipe = Pipe(ended)
        return self._pipe

    def connection_made(self, chan: "asyncssh.SSHTCPChannel[bytes]") -> None:
        """Take the channel."""
        self._channel = chan

    def session_started(self) -> None:
        """Begin to hand on."""
        if self._pipe is not None and self._channel is not None:
            self._pipe.attach(self._channel)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand bytes on to the board."""
        if self._pipe is not None:
            self._pipe.feed(data)

    def eof_received(self) -> bool:
        """Hand the end on; what comes from the board still gets through."""
        if self._pipe is not None:
            self._pipe.feed_eof()
        return True

    def pause_writing(self) -> None:
        """Have the board wait."""
        if self._pipe is not None:
            self._pipe.hold_back()

    def resume_writing(self) -> None:
        """Have it go on."""
        if self._pipe is not None:
            self._pipe.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side."""
        if self._pipe is not None:
            self._pipe.close()


def refused(reason: str) -> asyncssh.ChannelOpenError:
    """Return the refusal of a channel, in words that ssh prints."""
    return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, f"boruta: {reason}")


def _silent(_text: str) -> None:
    """Say nothing: a jump has no place for words."""
