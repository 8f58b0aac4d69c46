"""The API's JSON as records of the model, also that of servers which tell less than ours."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boruta_farm.model.errors import ProtocolError
from boruta_farm.records.reading import Found, JsonReader
from boruta_farm.records.writing import JsonWriter

if TYPE_CHECKING:
    # A short answer needs none of them, and they take longer than it does.
    from boruta_farm.model.events import Event
    from boruta_farm.model.front_door import FrontDoorPlace
    from boruta_farm.model.request import Request
    from boruta_farm.model.worker import AccessInfo

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in for times that the original's server does not tell."""


def _request(found: Found) -> Found:
    return {"owner": "", "owner_name": "", "created": found.get("valid_after")}


def _job(found: Found) -> Found:
    """Whose it is and how far it has come is told by its request."""
    from boruta_farm.model.job import JobPhase

    end = found.get("timeout")
    told = {"request_id": 0, "phase": JobPhase.LIVE, "epoch": 0}
    return {**told, "granted": NEVER, "limit": end}


def _worker(found: Found) -> Found:
    """How the farm itself reaches a board is not told to clients."""
    from boruta_farm.model.worker import Fence

    since = found.get("since", NEVER)
    hidden = {"dryad_address": "", "ssh_address": "", "registered": since}
    told = {"name": found.get("uuid"), "fence": Fence.NONE, "since": since, "epoch": 0, "port": 0}
    return {**hidden, **told}


_READER = JsonReader(
    {
        "Request": _request,
        "Job": _job,
        "Worker": _worker,
        "AccessInfo": lambda _: {"ip": "", "key": ""},
        "Account": lambda _: {"id": ""},
        "AuditEntry": lambda _: {"source": ""},
        # A server tells no digests.
        "Token": lambda _: {"account": "", "digest": "", "name": "", "issuer": ""},
    }
)
read = _READER.read
"""Return a record of this kind. Raises ProtocolError."""
read_all = _READER.read_all
"""Return a list of records of this kind. Raises ProtocolError."""

body = JsonWriter(sparse=True).write
"""Return the body that sends a record."""


def read_request(value: object) -> "Request":
    """Return a request; what the original's server does not tell gets its nearest stand-in."""
    from boruta_farm.model.request import Request

    return _with_job(read(Request, value))


def read_requests(value: object) -> "tuple[Request, ...]":
    """Return a list of requests."""
    from boruta_farm.model.request import Request

    return tuple(map(_with_job, read_all(Request, value)))


def _with_job(request: "Request") -> "Request":
    if request.job is None:
        return request
    from boruta_farm.model.job import JobPhase
    from boruta_farm.model.request import RequestState

    live = request.state is RequestState.IN_PROGRESS
    phase = JobPhase.LIVE if live else JobPhase.ENDED
    return replace(request, job=replace(request.job, request_id=request.id, phase=phase))


def read_access(value: object, host: str) -> "AccessInfo":
    """Return how to reach a board; an address of "everywhere" means the server's ``host``.

    At a link-local address the board is on the cable by which the server was called: which one
    that is here, no server can tell.
    """
    from boruta_farm.model.addresses import is_anywhere, same, zone_of
    from boruta_farm.model.worker import AccessInfo

    access = read(AccessInfo, value)
    # It is what the original's server gives when it listens on all of its addresses.
    if is_anywhere(access.ip):
        return replace(access, ip=host, zone="")
    zone = zone_of(host) if same(access.ip, host) else ""
    return replace(access, zone=zone or access.zone)


def read_door(value: object) -> "FrontDoorPlace":
    """Return where plain ssh comes in. Raises ProtocolError, also for keys that are none."""
    from boruta_farm.model.front_door import FrontDoorPlace

    place = read(FrontDoorPlace, value)
    checked_host_key(place.key)
    if place.authority is not None:
        checked_host_key(place.authority)
    return place


def checked_host_key(key: str | None) -> str:
    """Return a key that a server told, if it makes one line of known_hosts and no second.

    Raises ProtocolError.
    """
    from boruta_farm.model.worker import HOST_KEY

    if key is None or not HOST_KEY.fullmatch(key):
        raise ProtocolError("the server sent a host key that is none")
    return key


def read_event(value: object) -> "Event | None":
    """Return an event, or None for a kind that only a newer server knows."""
    from boruta_farm.model.events import Event, EventKind

    kind = value.get("Kind") if isinstance(value, dict) else None
    known = not isinstance(kind, str) or kind in EventKind.__members__.values()
    return read(Event, value) if known else None
