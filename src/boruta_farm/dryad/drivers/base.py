"""What the agent needs from a board, whatever hardware it is."""

from typing import Protocol

from boruta_farm.contracts import Prepared


class Driver(Protocol):
    """Keep one board's session user: let in, shut out, prove clean.

    The agent calls one method at a time. A driver knows nothing of epochs and ends: the fence
    does. Every failure is a BoardError that says what, where and what to do.
    """

    @property
    def ssh_address(self) -> str:
        """Return ``host:port`` of the board's SSH server once started, port kept over restarts."""
        ...

    async def start(self) -> None:
        """Open what the driver needs; nobody is let in before ``prepare``."""
        ...

    async def close(self) -> None:
        """Release everything; a session that runs is left as ``resume`` can find it, or ended."""
        ...

    async def resume(self, key: str) -> bool:
        """Take up the session of a restarted agent; False when nothing of it is left."""
        ...

    async def prepare(self, key: str) -> Prepared:
        """Make the session user and home afresh with ``key`` as the only way in."""
        ...

    async def authorize(self, key: str) -> None:
        """Replace the one key, before anybody has logged in."""
        ...

    async def expire_in(self, remaining: float) -> None:
        """Let the key open the board for so many seconds and a little more, then no longer.

        Called at the grant, at every prolongation and after a restart. It is a second lock, for
        a board whose agent dies: the fence ends the session by itself.
        """
        ...

    async def clean(self) -> tuple[str, ...]:
        """Let nobody in, end everything of the session, remove its leftovers, then look again.

        Returns what was found, one line each. Raises BoardError naming what survived.
        """
        ...

    async def warn(self, message: str) -> None:
        """Show one line on the terminals of whoever is logged in; no terminal is no failure."""
        ...

    async def put_in_maintenance(self, message: str) -> None:
        """Show that the board is in maintenance."""
        ...

    async def healthcheck(self) -> None:
        """Test the board without disturbing it. Raises BoardError with what is wrong."""
        ...

    async def test(self) -> None:
        """Test the board thoroughly, disturbing it as configured; only while it is nobody's.

        Called on a clean board before each preparation. Raises BoardError with what is wrong.
        """
        ...

    async def facts(self) -> dict[str, str]:
        """Return facts about the board for people; they never take part in matching."""
        ...
