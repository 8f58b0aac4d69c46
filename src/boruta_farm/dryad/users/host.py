"""What a board needs root for: a handful of fixed verbs, done in process or by the root helper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from boruta_farm.dryad.users.media import MediumUse


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAccount:
    """Name a session user's account."""

    name: str
    uid: int
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Answer a look at the host.

    ``warnings`` are for the log. ``root_groups`` are groups of the session user by which it can
    become root: such a board isolates nobody. ``host_key`` is the SSH server's, one line.
    """

    warnings: tuple[str, ...] = ()
    root_groups: tuple[str, ...] = ()
    host_key: str | None = None


class SessionHost(Protocol):
    """Keep the session user of one board; who the user is, the host's own configuration says.

    Nothing but keys, numbers of seconds and of terminals, a message and a tool's name ever comes
    from the caller. One verb is done at a time. All raise BoardError; ``inspect`` raises
    ConfigError.
    """

    async def inspect(self) -> Inspection:
        """Check that the configured user can be made here. Raises ConfigError naming the key."""
        ...

    async def create(self, key: str, seconds: float) -> SystemAccount:
        """Make user and home afresh, open to ``key`` for ``seconds``; call ``clean`` before."""
        ...

    async def authorize(self, keys: tuple[str, ...], seconds: float) -> None:
        """Make these keys the only ones that open the account, for ``seconds`` from now.

        The first is the session's own; one of the others that cannot be read is left out.
        """
        ...

    async def certify(self, certificate: str) -> None:
        """Put a certificate of the machine's host key where sshd is told to look for one."""
        ...

    async def part_with(self, keys: tuple[str, ...]) -> int:
        """End the connections that these keys have opened, and those whose key is not known.

        What runs below them ends as well. Returns how many there were.
        """
        ...

    async def visitors(self) -> Mapping[str, int]:
        """Return how many connections each key has open, under ``""`` those not known by key."""
        ...

    async def find(self) -> SystemAccount | None:
        """Return the account when it was made in this boot of the machine, else None."""
        ...

    async def warn(self, message: str) -> int:
        """Show one line on the user's terminals; return how many took it."""
        ...

    async def clean(self) -> tuple[str, ...]:
        """Shut everybody out, end and remove all of the session, look again; return what was found.

        Raises BoardError naming what survived.
        """
        ...

    async def sessions(self) -> frozenset[int]:
        """Return from which ports of the other side somebody is signed in as the user."""
        ...

    async def open_medium(self, tool: str, use: MediumUse) -> int:
        """Return a descriptor of the device that the configuration names for a tool."""
        ...

    async def give_terminal(self, number: int) -> None:
        """Make the session user the owner of a pseudo terminal that the agent has made."""
        ...

    async def close(self) -> None:
        """Release what the host holds; the account stays as it is."""
        ...
