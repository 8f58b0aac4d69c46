"""What the server wants of a relay, and what it hears from one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from boruta_farm.model.worker import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelRoute:
    """Give a worker's port to its live job; without one (``epoch`` None) the port only waits.

    ``host`` and ``target`` are the board's address for SSH. ``cut`` is when the relay ends the
    job's connections by itself. ``site`` is where the board is, empty: anywhere.
    """

    worker: str
    port: int
    host: str
    target: int
    epoch: int | None = None
    cut: datetime | None = None
    reach: Reach = Reach.DIRECT
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindFailure:
    """Tell that a worker's port is not to be had on this machine."""

    worker: str
    port: int
    reason: str


class Relay(Protocol):
    """The relay as its follower sees it; the calls never block and never fail.

    What is wanted is remembered and told again whenever a relay is found or started.
    """

    async def keep_at_hand(self) -> None:
        """Keep a relay at hand until cancelled."""
        ...

    def replace(self, routes: Iterable[TunnelRoute]) -> None:
        """Want exactly these routes."""
        ...

    def put(self, route: TunnelRoute) -> None:
        """Want this route for its worker, in place of an earlier one."""
        ...

    def drop(self, worker: str) -> None:
        """Want nothing for this worker any more."""
        ...

    async def settle(self) -> None:
        """Return when a relay has done all that it was told, waiting for one where none is."""
        ...

    def failing(self, worker: str) -> bool:
        """Tell whether a failure of this worker's port waits to be taken."""
        ...

    async def failure(self) -> BindFailure:
        """Wait for the next port that cannot be bound."""
        ...

    def visits(self, worker: str) -> int:
        """Return how often the relay told that connections of a worker came or went."""
        ...

    def signed_in(self, worker: str, epoch: int, ports: tuple[int, ...]) -> None:
        """Tell from which of the relay's ports somebody is signed in on a worker's board."""
        ...

    def connections(self, worker: str) -> int:
        """Return how many connections a worker has, as last heard."""
        ...

    def alive(self) -> str | None:
        """Return None while a relay is at hand and answers, else what is wrong."""
        ...
