"""Which boards several demands get, and in which order they are taken.

Every run takes its boards in the order of their UUIDs, which is the same for all: whoever waits for
a board then holds only boards before it, so no two runs can wait for each other.
"""

from collections.abc import Mapping, Sequence

from boruta_farm.model.worker import Worker, WorkerState


def choose(candidates: Mapping[str, Sequence[Worker]]) -> tuple[tuple[str, Worker], ...] | None:
    """Return a board of its own for each name, in the order in which they are to be taken.

    Boards that are free now are preferred. None where there are too few that fit.
    """
    free = {
        name: [worker for worker in fitting if worker.state is WorkerState.IDLE]
        for name, fitting in candidates.items()
    }
    for fitting in (free, candidates):
        chosen = _each_one(fitting)
        if chosen is not None:
            return tuple(sorted(chosen.items(), key=lambda pair: pair[1].uuid))
    return None


def _each_one(candidates: Mapping[str, Sequence[Worker]]) -> dict[str, Worker] | None:
    """Match names with boards (Kuhn's augmenting paths)."""
    taken: dict[str, tuple[str, Worker]] = {}

    def place(name: str, tried: set[str]) -> bool:
        for worker in candidates[name]:
            if worker.uuid in tried:
                continue
            tried.add(worker.uuid)
            if worker.uuid not in taken or place(taken[worker.uuid][0], tried):
                taken[worker.uuid] = (name, worker)
                return True
        return False

    if not all(place(name, set()) for name in candidates):
        return None
    return dict(taken.values())
