"""How a request or a worker stands, in one sentence."""

from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import REMOVED, Standing, Subject
from boruta_farm.model.worker import WorkerState
from boruta_farm.words.durations import duration
from boruta_farm.words.times import Times

WORKERS = {
    WorkerState.PREPARE: "being prepared",
    WorkerState.BUSY: "going into MAINTENANCE",
    WorkerState.MAINTENANCE: "in MAINTENANCE",
}
"""What a worker is in a state whose name alone makes no sentence."""


def sentence(standing: Standing, times: Times) -> str:
    """Say how it stands, as of "it", which the reader was named before."""
    if standing.subject is Subject.WORKER:
        return _worker(standing, times)
    if standing.state == RequestState.IN_PROGRESS:
        board = standing.worker or "a board"
        limit = ""
        if standing.longest is not None:
            limit = f", the limit of {duration(standing.longest)} for one job"
            if standing.latest is not None and standing.latest != standing.until:
                limit = f" and can have it until {times.moment(standing.latest)}{limit}"
        return f"it has {board}{_until(standing, times)}{limit}"
    if standing.state == REMOVED:
        return "it was finished long ago and is not kept any more"
    if standing.state == RequestState.WAITING:
        if standing.worker is not None:
            if standing.progress is not None:
                return f"{standing.worker} is being made ready for it: {standing.progress}"
            return f"{standing.worker} is being opened for it"
        return "it is still WAITING"
    return f"it is {standing.state}{_since(standing, times)}{_reason(standing)}"


def _worker(standing: Standing, times: Times) -> str:
    away = ""
    if standing.unreachable_since is not None:
        away = f", its agent out of reach since {times.moment(standing.unreachable_since)}"
    if standing.request_id is not None:
        return f"it is lent to {standing.request_id}{_until(standing, times)}{away}"
    place = standing.state
    if standing.state in set(WorkerState):
        place = WORKERS.get(WorkerState(standing.state), standing.state)
    return f"it is {place}{_since(standing, times)}{_reason(standing)}{away}"


def _since(standing: Standing, times: Times) -> str:
    return "" if standing.since is None else f" since {times.moment(standing.since)}"


def _until(standing: Standing, times: Times) -> str:
    return "" if standing.until is None else f" until {times.moment(standing.until)}"


def _reason(standing: Standing) -> str:
    return f": {standing.reason}" if standing.reason else ""
