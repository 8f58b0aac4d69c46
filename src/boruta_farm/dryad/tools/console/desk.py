"""Who sees a console and who writes to it: many see, one writes, none holds up another."""

import asyncio
from typing import Final

from boruta_farm.dryad.tools.console.keeping import KeptConsole
from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.model.errors import BoardError

PIECE: Final = 32 * 1024
MOST_VIEWERS: Final = 16


class Viewer:
    """One who sees a console, from a position on, as fast as he reads."""

    def __init__(self, ring: Ring, position: int) -> None:
        self.position = position
        self.dropped = 0
        self.news = asyncio.Event()
        self.news.set()
        self._ring = ring

    def look(self, ring: Ring) -> bytes:
        """Return the next bytes, empty when there are none yet; count those that are gone."""
        self.news.clear()
        if ring is not self._ring:
            # Another keeper's: what the last one had read is gone with it.
            self._ring, self.position = ring, ring.floor
        begin, data = ring.read(self.position, PIECE)
        self.dropped += max(begin - self.position, 0)
        self.position = begin + len(data)
        return data


class Desk:
    """Keep who is at one console."""

    def __init__(self) -> None:
        self._kept: KeptConsole | None = None
        self._viewers: set[Viewer] = set()
        self._writer: Viewer | None = None

    @property
    def viewers(self) -> int:
        """Return how many see it."""
        return len(self._viewers)

    @property
    def kept(self) -> KeptConsole:
        """Return what the keeper holds. Raises BoardError while there is no keeper."""
        if self._kept is None:
            raise BoardError("it is not held by the agent; the agent's log tells why")
        return self._kept

    @property
    def held(self) -> bool:
        """Tell whether a keeper holds it."""
        return self._kept is not None

    def take(self, kept: KeptConsole | None) -> None:
        """Get what a keeper holds, in place of what another one held."""
        if self._kept is not None:
            self._kept.close()
        self._kept = kept
        self.wake()

    def wake(self) -> None:
        """Tell all that something has come."""
        for viewer in self._viewers:
            viewer.news.set()

    def join(self, position: int | None) -> Viewer:
        """See it from a position on, None for what comes from now on. Raises ActError."""
        ring = self.kept.ring
        if len(self._viewers) >= MOST_VIEWERS:
            raise ActError(f"{MOST_VIEWERS} see this console already; end one of them")
        viewer = Viewer(ring, ring.end if position is None else min(position, ring.end))
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """See it no more."""
        self._viewers.discard(viewer)
        if self._writer is viewer:
            self._writer = None
            self.wake()

    def writes(self, viewer: Viewer) -> bool:
        """Tell whether somebody is the one who writes."""
        return self._writer is viewer

    def claim(self, viewer: Viewer, *, take: bool) -> bool:
        """Be the one who writes, if nobody is, or in his place; tell whether that succeeded."""
        if self._writer is None or take:
            self._writer = viewer
            self.wake()
        return self._writer is viewer

    async def write(self, viewer: Viewer, data: bytes) -> None:
        """Send bytes to the device. Raises BoardError, ActError for all but the one who writes."""
        if not self.claim(viewer, take=False):
            raise ActError("somebody else writes to this console; take it over with --take")
        await self.kept.write(data)

    def words(self) -> str:
        """Return how it stands, in a few words. Raises BoardError while its port is not open."""
        ring = self.kept.ring
        if ring.trouble:
            raise BoardError(f"not open: {ring.trouble}")
        seen = "nobody sees it" if not self._viewers else f"{len(self._viewers)} see it"
        return f"open, {seen}" if self._writer is None else f"open, {seen}, one writes"
