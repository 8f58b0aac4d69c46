"""The contract Reports in process: what those who look after boards, link and relay tell."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from boruta_farm.contracts import Cipher, Prepared
from boruta_farm.core import (
    confirmation,
    enrolment,
    idling,
    jobs,
    judging,
    presence,
    readying,
    sharing,
    workers,
)
from boruta_farm.farm.consoles import FarmConsoles
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.matcher import Matcher
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.worker import KeyPair, SessionKey


class FarmReports:
    """Turn reports into committed changes; private keys are sealed before they are stored.

    ``leading`` ones are taken from the server that leads alone: what it did to boards, by which no
    server may put right afterwards what another one is doing.
    """

    def __init__(
        self,
        engine: Engine,
        cipher: Cipher,
        consoles: FarmConsoles,
        matcher: Matcher,
        *,
        leading: bool = False,
    ) -> None:
        self._decide = partial(engine.decide, leading=leading)
        self._consoles = consoles
        self._cipher = cipher
        self._matcher = matcher

    async def prepared(self, uuid: str, epoch: int, key: KeyPair, prepared: Prepared) -> None:
        """Make a board in PREPARE IDLE, its key sealed and stored in the same transaction.

        Where somebody waits for it, it is granted to him there, too: a job takes one commit less.
        """
        sealed = self._cipher.seal(key.private.encode(), key_context(uuid, epoch))
        session_key = SessionKey(worker=uuid, epoch=epoch, public=key.public, sealed=sealed)
        claim = self._matcher.claim(uuid)
        proposal = None if claim is None else claim.grant
        granted = False
        try:
            granted = await self._decide(
                lambda world, now: workers.prepared(
                    world,
                    uuid,
                    epoch,
                    session_key,
                    prepared.username,
                    prepared.host_key,
                    now,
                    proposal,
                )
            )
        finally:
            if claim is not None:
                self._matcher.settle(claim, granted=granted)

    async def cleaned(self, uuid: str, epoch: int) -> None:
        """Put a board in BUSY into MAINTENANCE."""
        await self._decide(lambda world, now: workers.cleaned(world, uuid, epoch, now))

    async def failed(self, uuid: str, epoch: int, reason: str) -> None:
        """Fail a board whose operation failed."""
        await self._decide(lambda world, now: workers.failed(world, uuid, epoch, now, reason))

    async def recovered(self, uuid: str, epoch: int) -> None:
        """Prepare a FAILED board that is healthy again."""
        await self._decide(lambda world, now: workers.recovered(world, uuid, epoch, now))

    async def recheck(self, uuid: str, epoch: int) -> None:
        """Take an IDLE board out for its thorough test."""
        await self._decide(lambda world, now: workers.recheck(world, uuid, epoch, now))

    async def described(self, uuid: str, facts: Mapping[str, str]) -> None:
        """Note what a board says of itself."""
        await self._decide(lambda world, _now: workers.described(world, uuid, facts))

    async def console(self, uuid: str, epoch: int, chunk: ConsoleChunk) -> None:
        """Keep a part of what a console said in an ended job."""
        await self._consoles.keep(uuid, epoch, chunk)

    async def disputed(self, uuid: str, reason: str, source: str) -> None:
        """Tell that somebody at ``source`` claims a board's UUID."""
        await self._decide(lambda world, now: enrolment.dispute(world, uuid, reason, source, now))

    async def lost(self, uuid: str) -> None:
        """Note that a board's agent is out of reach past its grace."""
        await self._decide(lambda world, now: presence.lost(world, uuid, now))

    async def back(self, uuid: str) -> None:
        """Note that a lost board's agent is in reach again."""
        await self._decide(lambda world, _now: presence.back(world, uuid))

    async def confirmed(self, uuid: str, epoch: int) -> None:
        """Note that the board knows of its job."""
        await self._decide(
            lambda world, _now: confirmation.confirmed(world, uuid, epoch), patient=True
        )

    async def unconfirmed(self, uuid: str, epoch: int, reason: str, *, used: bool) -> None:
        """Take a job back that its board did not confirm."""
        await self._decide(
            lambda world, now: confirmation.unconfirmed(world, uuid, epoch, now, reason, used=used)
        )

    async def progressed(self, uuid: str, epoch: int, words: str) -> None:
        """Note how far a board has come that is made ready."""
        await self._decide(lambda world, _now: readying.progressed(world, uuid, epoch, words))

    async def readied(self, uuid: str, epoch: int) -> None:
        """Hand over a board that is flashed and booted."""
        await self._decide(lambda world, now: judging.readied(world, uuid, epoch, now))

    async def unready(
        self, uuid: str, epoch: int, reason: str, lines: tuple[str, ...] = ()
    ) -> None:
        """Fail the request whose board could not be made ready."""
        await self._decide(
            lambda world, now: readying.unready(world, uuid, epoch, now, reason, lines)
        )

    async def opened(self, uuid: str, epoch: int, began: datetime | None = None) -> None:
        """Start the job whose own key is installed."""
        await self._decide(lambda world, now: judging.opened(world, uuid, epoch, now, began))

    async def opening_failed(self, uuid: str, epoch: int, reason: str) -> None:
        """Abort the job whose own key could not be installed."""
        await self._decide(
            lambda world, now: confirmation.opening_failed(world, uuid, epoch, now, reason)
        )

    async def key_refused(self, uuid: str, epoch: int, reason: str) -> None:
        """Fail the request whose own key its board refused."""
        await self._decide(
            lambda world, now: confirmation.key_refused(world, uuid, epoch, now, reason)
        )

    async def keyed(self, uuid: str, epoch: int, sequence: int) -> None:
        """Note that the board has taken the keys of its session."""
        await self._decide(lambda world, _now: sharing.keyed(world, uuid, epoch, sequence))

    async def prolonged(self, uuid: str, epoch: int, sequence: int) -> None:
        """Move a job's end to the one its agent has stored."""
        await self._decide(lambda world, now: jobs.prolonged(world, uuid, epoch, sequence, now))

    async def used(self, uuid: str, epoch: int, at: datetime) -> None:
        """Note when a board was used."""
        await self._decide(lambda world, now: idling.used(world, uuid, epoch, at, now))

    async def warn_idle(self, uuid: str, epoch: int) -> None:
        """Warn a holder who does not use his board."""
        await self._decide(lambda world, now: idling.warn(world, uuid, epoch, now))

    async def end_idle(self, uuid: str, epoch: int, *, wanted: bool) -> None:
        """Take a board that nobody uses."""
        await self._decide(lambda world, now: idling.end(world, uuid, epoch, now, wanted=wanted))

    async def ended(self, uuid: str, epoch: int) -> None:
        """Finish a job that its agent ended."""
        await self._decide(lambda world, now: jobs.ended(world, uuid, epoch, now))

    async def port_taken(self, uuid: str, port: int) -> None:
        """Give a worker another tunnel port."""
        await self._decide(lambda world, _now: workers.move_port(world, uuid, port))


def key_context(uuid: str, epoch: int) -> str:
    """Return what a sealed key is bound to, so that it cannot serve another preparation."""
    return f"session-key/{uuid}/{epoch}"
