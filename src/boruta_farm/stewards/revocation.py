"""Send agents away whose credential was revoked."""

from typing import NoReturn, Protocol

from boruta_farm.feed import Feed, keep_following
from boruta_farm.model.worker import REVOKED
from boruta_farm.stewards.roster import Roster


class Links(Protocol):
    """The agents that are connected."""

    def dismiss(self, uuid: str, reason: str) -> None:
        """Send a board's agent away, if it is here."""
        ...


class Revocation:
    """Close the link of every board whose credential is taken away, wherever that was done."""

    def __init__(self, feed: Feed, links: Links) -> None:
        self._feed = feed
        self._links = links
        self._roster = Roster(self._touched)

    async def run(self) -> NoReturn:
        """Follow the farm until cancelled."""
        await keep_following(self._feed, self._roster)

    def _touched(self, uuid: str) -> None:
        worker = self._roster.workers.get(uuid)
        if worker is not None and worker.credential == REVOKED:
            self._links.dismiss(uuid, "this board's credential was revoked")
