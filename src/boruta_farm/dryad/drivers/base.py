"""What the agent needs from a board, whatever hardware it is."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.findings import Finding
from boruta_farm.dryad.tools.door import SessionDoor
from boruta_farm.dryad.users.host import SessionHost
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError
from boruta_farm.model.readiness import Readiness
from boruta_farm.settings.declaration import Dataclass

logger = logging.getLogger(__name__)

NOT_RESET: Final = "Not reset"
"""The fact that names what a clean-up leaves as it is."""

Settings = TypeVar("Settings", bound=Dataclass)


class Driver(ABC):
    """Keep one board's session user: let in, shut out, prove clean.

    The agent calls one method at a time. A driver knows nothing of epochs and ends: the fence
    does. Every failure is a BoardError that says what, where and what to do. Four members must be
    written; each of the others does what is safe until it is written, too.
    """

    own_server: bool = False
    """Whether the driver serves SSH itself; else sessions are the machine's users, behind sshd."""

    many_keys: bool = False
    """Whether ``let_in`` and ``visitors`` are written, so that a session can be shared."""

    @property
    @abstractmethod
    def ssh_address(self) -> str:
        """Return ``host:port`` of the board's SSH server once started, port kept over restarts."""

    @abstractmethod
    async def prepare(self, key: str) -> Prepared:
        """Make the session user and home afresh with ``key`` as the only way in."""

    @abstractmethod
    async def authorize(self, key: str) -> None:
        """Replace the one key, before anybody has logged in."""

    @abstractmethod
    async def clean(self) -> tuple[str, ...]:
        """Let nobody in, end everything of the session, remove its leftovers, then look again.

        Returns what was found, one line each. Raises BoardError naming what survived.
        """

    @property
    def door(self) -> SessionDoor | None:
        """Return where sessions call for the board's tools, None where they cannot."""
        return None

    async def start(self) -> None:
        """Open what the driver needs; nobody is let in before ``prepare``."""
        return

    async def close(self) -> None:
        """Release everything; a session that runs is left as ``resume`` can find it, or ended."""
        return

    async def resume(self, key: str) -> bool:
        """Take up the session of a restarted agent; False when nothing of it is left.

        The board is cleaned then, and the user loses the session.
        """
        return False

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        """Let these keys, and no others, open the session beside its own.

        What the keys ``leaving`` have opened is ended, as is what cannot be told to be another's,
        if there are any. A key that the board does not understand is left out: no colleague's key
        may end a session. Called after ``resume``, too.
        """
        raise BoardError("this board's driver takes one key only")

    async def visitors(self) -> Mapping[str, int]:
        """Return how many sessions each key has open, under ``""`` those whose key is not known."""
        return {}

    async def certify(self, certificate: str) -> None:
        """Have the board's SSH server show this certificate of its host key from now on.

        One line, of the farm's authority, made for the job that runs. Who cannot set the server
        goes without: people know the board by its host key then.
        """
        return

    async def make_ready(
        self, wanted: Readiness, within: float, tell: Callable[[str], None]
    ) -> None:
        """Flash and boot the device before somebody gets it, ``within`` so many seconds.

        ``tell`` is told in a few words how far it has come. Raises UnreadyError, and BoardError.
        Called between ``prepare`` and ``authorize``; others, such as ``healthcheck``, may be called
        beside it, and when the board is wanted for something else it is cancelled before ``clean``.
        """
        raise BoardError("this board has no tools to be made ready with")

    async def expire_in(self, remaining: float) -> None:
        """Let the key open the board for so many seconds and a little more, then no longer.

        They count from the call: a board that takes its time must not let anybody in for longer.
        Called at the grant, at every prolongation and after a restart. It is a second lock, for
        a board whose agent dies: the fence ends the session by itself.
        """
        return

    async def warn(self, message: str) -> None:
        """Show one line on the terminals of whoever is logged in; no terminal is no failure."""
        return

    async def sessions(self) -> frozenset[int] | None:
        """Return the far ports of the connections in which somebody is signed in.

        The relay keeps those for whom the board is; None is not known.
        """
        return None

    async def lost(self) -> str:
        """Return why the session can be used no more, empty while it can.

        Asked every few seconds while the board is lent, so it must cost nothing.
        """
        return ""

    async def put_in_maintenance(self, message: str) -> None:
        """Show that the board is in maintenance."""
        logger.info("in maintenance: %s", message)

    async def healthcheck(self) -> None:
        """Test the board without disturbing it. Raises BoardError with what is wrong.

        The machine and its SSH server are tested besides.
        """
        return

    async def test(self) -> None:
        """Test the board thoroughly, disturbing it as configured; only while it is nobody's.

        Called on a clean board before each preparation. Raises BoardError with what is wrong.
        """
        return

    async def facts(self) -> dict[str, str]:
        """Return facts about the board for people; they never take part in matching."""
        return {}

    async def examine(self) -> tuple[Finding, ...]:
        """Return what ``dryad doctor`` tells of the board; called instead of ``start``.

        Nothing is changed or switched.
        """
        return ()


class WrappedDriver(Driver):
    """Do what another driver does; overridden methods add to that."""

    def __init__(self, inner: Driver) -> None:
        self.inner = inner
        self.own_server = inner.own_server
        self.many_keys = inner.many_keys

    @property
    def ssh_address(self) -> str:
        """Return the inner driver's address."""
        return self.inner.ssh_address

    @property
    def door(self) -> SessionDoor | None:
        """Return the inner driver's door."""
        return self.inner.door

    async def start(self) -> None:
        """Start the inner driver."""
        await self.inner.start()

    async def close(self) -> None:
        """Close the inner driver."""
        await self.inner.close()

    async def resume(self, key: str) -> bool:
        """Take up the inner driver's session."""
        return await self.inner.resume(key)

    async def prepare(self, key: str) -> Prepared:
        """Prepare as the inner driver does."""
        return await self.inner.prepare(key)

    async def authorize(self, key: str) -> None:
        """Replace the key."""
        await self.inner.authorize(key)

    async def let_in(self, keys: tuple[str, ...], leaving: tuple[str, ...]) -> None:
        """Let more keys in."""
        await self.inner.let_in(keys, leaving)

    async def visitors(self) -> Mapping[str, int]:
        """Return the inner driver's visitors."""
        return await self.inner.visitors()

    async def certify(self, certificate: str) -> None:
        """Show the certificate as the inner driver does."""
        await self.inner.certify(certificate)

    async def make_ready(
        self, wanted: Readiness, within: float, tell: Callable[[str], None]
    ) -> None:
        """Make the device ready as the inner driver does."""
        await self.inner.make_ready(wanted, within, tell)

    async def expire_in(self, remaining: float) -> None:
        """Tell the inner driver how long the key is wanted."""
        await self.inner.expire_in(remaining)

    async def clean(self) -> tuple[str, ...]:
        """Clean as the inner driver does."""
        return await self.inner.clean()

    async def warn(self, message: str) -> None:
        """Show a line to whoever is logged in."""
        await self.inner.warn(message)

    async def sessions(self) -> frozenset[int] | None:
        """Return the inner driver's."""
        return await self.inner.sessions()

    async def lost(self) -> str:
        """Return what the inner driver says."""
        return await self.inner.lost()

    async def put_in_maintenance(self, message: str) -> None:
        """Show the message as the inner driver does."""
        await self.inner.put_in_maintenance(message)

    async def healthcheck(self) -> None:
        """Test as the inner driver does."""
        await self.inner.healthcheck()

    async def test(self) -> None:
        """Test thoroughly as the inner driver does."""
        await self.inner.test()

    async def facts(self) -> dict[str, str]:
        """Return the inner driver's facts."""
        return await self.inner.facts()

    async def examine(self) -> tuple[Finding, ...]:
        """Return the inner driver's findings."""
        return await self.inner.examine()


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Say for which board a driver is opened.

    ``folder`` is for the driver's own files; who needs it makes it. ``ssh_address`` is where the
    machine's sshd answers. ``sdcard`` and ``stm_path`` are the original's settings of a MuxPi.
    ``open_driver`` opens another driver, with its own table, to be wrapped. ``open_host`` returns
    who makes session users.
    """

    uuid: str
    name: str
    folder: Path
    ssh_address: str
    user: UserSettings
    sdcard: str
    stm_path: str
    open_driver: Callable[[str], Driver]
    open_host: Callable[[], SessionHost]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverKind(Generic[Settings]):
    """What a package registers as ``boruta_farm.drivers``: the driver's settings, how it is opened.

    ``settings`` is a dataclass whose fields are made by ``settings.declaration.setting``: they
    are the keys of the table that bears the driver's name. ``open`` only makes the driver; what
    it needs is opened by ``Driver.start``. It may raise SettingError for settings that contradict
    each other or the board.
    """

    settings: type[Settings]
    open: Callable[[Settings, Board], Driver]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """The settings of a driver that has none of its own."""
