"""Send agents away whose credential was revoked."""

from collections.abc import Collection
from typing import NoReturn, Protocol

from boruta_farm.fleet import Fleet
from boruta_farm.model.worker import REVOKED


class Links(Protocol):
    """The agents that are connected."""

    def dismiss(self, uuid: str, reason: str) -> None:
        """Send a board's agent away, if it is here."""
        ...


class Revocation:
    """Close the link of every board whose credential is taken away, wherever that was done."""

    def __init__(self, fleet: Fleet, links: Links) -> None:
        self._fleet = fleet
        self._links = links

    async def follow(self) -> NoReturn:
        """Follow the farm until cancelled."""
        await self._fleet.tell(self._touched)

    def _touched(self, uuids: Collection[str]) -> None:
        for uuid in uuids:
            worker = self._fleet.workers.get(uuid)
            if worker is not None and worker.credential == REVOKED:
                self._links.dismiss(uuid, "this board's credential was revoked")
