"""A board behind any Linux machine: system users and the system's own SSH server."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final, NoReturn

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import NOT_RESET, Board, Driver, DriverKind, NoSettings
from boruta_farm.dryad.tools.door import AccountDoor
from boruta_farm.dryad.users.host import Inspection, SessionHost, SystemAccount
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

WAITING: Final = 86400.0
"""Seconds for which the key of a board that nobody has taken yet works before it is renewed."""

SLACK: Final = 30.0
"""Seconds that a key outlives its job: the fence ends the job, the key's end is a second lock."""

RENEWED_EVERY: Final = 60.0
JUMP: Final = 5.0
"""Seconds by which the wall clock may go wrong before the key's end is written anew."""


class LinuxDriver(Driver):
    """Keep the session user of one board.

    All that needs root goes through ``host``. The device under test is not known to it: hooks
    switch it.
    """

    many_keys = True

    def __init__(self, host: SessionHost, user: UserSettings, ssh_address: str) -> None:
        self._host = host
        self._user = user
        self._ssh_address = ssh_address
        self._inspection = Inspection()
        self._key: str | None = None
        self._uid: int | None = None
        self._others: tuple[str, ...] = ()
        self._end: float | None = None
        self._offset = 0.0
        self._late = False
        self._renewing: asyncio.Task[NoReturn] | None = None

    @property
    def ssh_address(self) -> str:
        """Return the configured address; the server fills in a missing host."""
        return self._ssh_address

    @property
    def door(self) -> AccountDoor:
        """Return the socket that knows the session by its uid."""
        return AccountDoor(self._user.name, lambda: self._uid, host=self._host)

    async def start(self) -> None:
        """Check that the session user can be made here. Raises ConfigError."""
        self._inspection = await self._host.inspect()
        for warning in self._inspection.warnings:
            logger.warning("%s", warning)
        if groups := self._inspection.root_groups:
            logger.warning(
                "user: %s: whoever is lent this board can become root on it; it is shown as "
                "not isolated. A udev rule for the board's card and serial ports does without",
                ", ".join(groups),
            )
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def close(self) -> None:
        """Release the host; the session stays for ``resume``."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._host.close()

    async def resume(self, key: str) -> bool:
        """Take up the account of a restarted agent; its sessions were never cut."""
        account = await self._host.find()
        if account is None:
            return False
        self._uid = account.uid
        await self._admit(key, None)
        return True

    async def prepare(self, key: str) -> Prepared:
        """Clean, then make user and home afresh."""
        await self.clean()
        await self._make(key)
        return Prepared(username=self._user.name, host_key=self._inspection.host_key)

    async def authorize(self, key: str) -> None:
        """Replace the key."""
        await self._admit(key, self._end)

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        """Write all keys anew, then end what those that leave have opened."""
        if self._key is None:
            raise BoardError("there is no session that could be shared")
        self._others = keys
        await self._admit(self._key, self._end)
        if leaving:
            await self._host.part_with(leaving)

    async def visitors(self) -> Mapping[str, int]:
        """Return how many connections each key has open, as far as sshd tells."""
        return await self._host.visitors()

    async def certify(self, certificate: str) -> None:
        """Put the certificate where the system's SSH server looks for one, if it is set to."""
        await self._host.certify(certificate)

    async def expire_in(self, remaining: float) -> None:
        """Let the key end a little after the job.

        What cannot be written now is written within a minute: the job goes on meanwhile.
        """
        if self._key is None:
            raise BoardError("there is no session whose key could be prolonged")
        self._end = _now() + remaining + SLACK
        try:
            await self._admit(self._key, self._end)
        except BoardError as error:
            self._late = True
            logger.warning("the key's end could not be written, it will be: %s", error.message)

    async def clean(self) -> tuple[str, ...]:
        """End and remove everything of the session, then look again."""
        self._key, self._uid, self._end, self._others = None, None, None, ()
        return await self._host.clean()

    async def warn(self, message: str) -> None:
        """Show a line on the terminals of the session."""
        await self._host.warn(message)

    async def sessions(self) -> frozenset[int] | None:
        """Return who is signed in as the session user."""
        return await self._host.sessions()

    async def healthcheck(self) -> None:
        """Test that the session user is there while the board is prepared."""
        if await self._host.find() is None and self._key is not None:
            raise BoardError(f"the session user {self._user.name!r} has vanished; clean the board")

    async def facts(self) -> dict[str, str]:
        """Return what people should know of this board."""
        groups = ", ".join(self._inspection.root_groups)
        return {
            "Isolation": f"not isolated: {groups}" if groups else "system user",
            NOT_RESET: ", ".join(("device under test", *self._user.not_reset)),
            "Uids": str(self._user.uids),
        }

    async def _make(self, key: str) -> SystemAccount:
        account = await self._host.create(key, WAITING)
        self._key, self._uid, self._end, self._others = key, account.uid, None, ()
        self._offset = _offset()
        return account

    async def _admit(self, key: str, end: float | None) -> None:
        seconds = WAITING if end is None else max(end - _now(), 1.0)
        await self._host.authorize((key, *self._others), seconds)
        self._key, self._end, self._offset, self._late = key, end, _offset(), False

    async def _renew(self) -> NoReturn:
        """Write the key's end anew while the board waits, and when the wall clock has jumped.

        A small board's clock is wrong until it has heard from a time server, and sshd judges a
        key by that clock.
        """
        written = _now()
        while True:
            await asyncio.sleep(RENEWED_EVERY)
            old = self._end is None and _now() - written > WAITING / 2
            jumped = abs(_offset() - self._offset) > JUMP
            if self._key is not None and (old or jumped or self._late):
                try:
                    await self._admit(self._key, self._end)
                    written = _now()
                except BoardError as error:
                    logger.error("the key's end could not be renewed: %s", error.message)


def _open(_: NoSettings, board: Board) -> Driver:
    return LinuxDriver(board.open_host(), board.user, board.ssh_address)


KIND: Final = DriverKind(settings=NoSettings, open=_open)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _offset() -> float:
    """Return wall clock minus steady clock: it changes only when the wall clock is set."""
    return time.time() - _now()
