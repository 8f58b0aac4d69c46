"""The agent's end of the link: dial, register, stay connected, dial again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn, Protocol

from boruta_farm.clock import FarmClock
from boruta_farm.contracts import FencedDryad, Registered, StreamingDryad, Superviser
from boruta_farm.link.backoff import Backoff
from boruta_farm.link.conversation import Conversation
from boruta_farm.link.messages import Goodbye
from boruta_farm.link.socket import Socket
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import (
    BorutaError,
    CredentialError,
    InvalidError,
    PortsExhaustedError,
    RefusedError,
    UnavailableError,
)
from boruta_farm.model.worker import Registration
from boruta_farm.race import race

logger = logging.getLogger(__name__)

PATH: Final = "/api/v1/link"
"""Where the server takes agents' WebSockets, below its address."""

STABLE: Final = 10.0
"""Seconds after which a link counts as a success, so that the next wait is short again."""

NEEDS_A_PERSON = (RefusedError, InvalidError, PortsExhaustedError)

Dial = Callable[[], Awaitable[Socket]]
"""Open a connection to the server. Raises UnavailableError, or RefusedError when turned away."""


class FarmEnd(Superviser, Protocol):
    """The server, as an agent on the link may call it."""

    def tell_sessions(self, ports: frozenset[int] | None) -> None:
        """Tell with the next heartbeat from which ports somebody is signed in, None for unknown."""
        ...

    async def ended(self, epoch: int) -> None:
        """Report that the job of ``epoch`` was over and its session is ended.

        Raises StaleEpochError when the server knows that already.
        """
        ...

    async def describe(self, facts: Mapping[str, str]) -> None:
        """Tell facts about the board, at most one time in 10 s."""
        ...

    async def console(self, epoch: int, chunk: ConsoleChunk) -> bool:
        """Tell a part of what a console said in an ended job; False where servers are older.

        To tell it twice does no harm. Raises StaleEpochError when the farm knows no such job.
        """
        ...

    async def progressed(self, epoch: int, words: str) -> None:
        """Tell how far the board has come that is made ready. Raises StaleEpochError."""
        ...

    async def readied(self, epoch: int) -> None:
        """Tell that the board is ready. Raises StaleEpochError when nobody waits for it."""
        ...

    async def unready(self, epoch: int, reason: str, lines: tuple[str, ...]) -> None:
        """Tell why the board could not be made ready, and what its console said last.

        Raises StaleEpochError when nobody waits for it.
        """
        ...


class LinkUser(Protocol):
    """The agent, as the link needs it."""

    @property
    def board(self) -> FencedDryad:
        """Return what the server's calls go to."""
        ...

    @property
    def streams(self) -> StreamingDryad | None:
        """Return what opens streams to the relay, None where nothing does."""
        ...

    @property
    def credential(self) -> str:
        """Return what the farm is dialled with now; another of the board's links may renew it."""
        ...

    async def registration(self) -> Registration:
        """Return what the board says of itself now."""
        ...

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        """Get ready to be called by this farm; an error ends the connection."""
        ...

    async def report(self, farm: FarmEnd) -> None:
        """Tell the farm what happened, as it happens, until cancelled."""
        ...

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        """Agree on a new credential with the farm, with which it is dialled from now on.

        ``presented`` is what this link was dialled with. Where another link has renewed that since,
        there is nothing to agree on: the farm may take it no more.
        """
        ...


class AgentLink:
    """Keep an agent connected, whatever happens to server and network."""

    def __init__(
        self,
        dial: Dial,
        user: LinkUser,
        clock: FarmClock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._dial = dial
        self._user = user
        self._clock = clock
        self._backoff = Backoff(draw)
        self._renewed = False

    async def stay_connected(self) -> NoReturn:
        """Connect again and again, until cancelled."""
        while True:
            delay = await self._connect_once()
            logger.info("dialling again in %.1f s", delay)
            await asyncio.sleep(delay)

    async def _connect_once(self) -> float:
        """Serve one connection to its end; return how long to wait before the next."""
        presented = self._user.credential
        try:
            goodbye = await self._serve(await self._dial(), presented)
        except CredentialError as error:
            if self._user.credential != presented:
                logger.info("another link of this board has renewed its credential meanwhile")
                return self._backoff.next()
            logger.error(
                "the server refused this board's credential: %s. If the board's state was lost or "
                "copied, run 'boruta agent invite --uuid UUID' and give the token to this agent, "
                "or deregister the worker",
                error,
            )
            return self._backoff.slow()
        except NEEDS_A_PERSON as error:
            logger.error("the server refused this board: %s", error)
            return self._backoff.slow()
        except BorutaError as error:
            logger.warning("no link to the server: %s", error)
            return self._backoff.next()
        if self._renewed:
            self._renewed = False
            logger.info("this board has a new credential and comes in with it")
            return 0.0
        if goodbye is None:
            logger.warning("the link to the server ended")
        elif goodbye.later:
            logger.error("the server closed the link: %s", goodbye.reason)
            return self._backoff.slow()
        else:
            logger.info("the server closed the link: %s", goodbye.reason)
        return self._backoff.next()

    async def _serve(self, socket: Socket, presented: str) -> Goodbye | None:
        started = self._clock.monotonic()
        conversation = Conversation(socket, self._user.board, self._clock, self._user.streams)
        try:
            await race(conversation.serve(), self._converse(conversation, presented))
        except UnavailableError:
            if conversation.goodbye is None:
                raise
        finally:
            if self._clock.monotonic() - started >= STABLE:
                self._backoff.reset()
        return conversation.goodbye

    async def _converse(self, conversation: Conversation, presented: str) -> None:
        answer = await conversation.register(await self._user.registration())
        logger.info(
            "registered as %s with farm %s at epoch %d", answer.uuid, answer.farm_id, answer.epoch
        )
        await race(
            conversation.beat(),
            self._take_part(conversation, answer),
            self._renew(conversation, presented),
        )

    async def _renew(self, conversation: Conversation, presented: str) -> None:
        await conversation.renewal_wanted()
        await self._user.renew(conversation, presented)
        self._renewed = True

    async def _take_part(self, conversation: Conversation, answer: Registered) -> None:
        await self._user.registered(answer, conversation)
        conversation.set_ready()
        await self._user.report(conversation)
