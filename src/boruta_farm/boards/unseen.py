"""Private keys that were prepared and never handed out, which may serve again."""

from boruta_farm.fleet import Fleet
from boruta_farm.model.worker import KeyPair, Worker

MOST_KEPT = 4096
"""Keys kept at once; beyond them a new one is taken, which costs no more than time."""


class UnseenKeys:
    """Remember each worker's last prepared key until it is known whether anybody has seen it.

    An RSA key takes 50 to 250 ms, so jobs that nobody acquired, or that brought their own key,
    would otherwise be held up by keys that were never used. What is not certain is not kept:
    after a gap in the feed or a restart every key counts as seen.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._kept: dict[str, tuple[int, int, KeyPair]] = {}

    def keep(self, worker: Worker, key: KeyPair, generation: int) -> None:
        """Remember the key of a worker's preparation, begun in this generation of the fleet."""
        if worker.uuid in self._kept or len(self._kept) < MOST_KEPT:
            self._kept[worker.uuid] = (generation, worker.epoch, key)

    def take(self, worker: Worker) -> KeyPair | None:
        """Return the key of the worker's last preparation, if certainly nobody has seen it."""
        known = self._kept.pop(worker.uuid, None)
        if known is None:
            return None
        generation, epoch, key = known
        seen = self._fleet.key_read.get(worker.uuid, -1) >= epoch
        return None if seen or generation != self._fleet.generation else key
