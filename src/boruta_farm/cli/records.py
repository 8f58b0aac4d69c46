"""Records as the API's JSON, for ``-o json``."""

from collections.abc import Mapping
from datetime import UTC, datetime

from boruta_farm.contracts import Explanation
from boruta_farm.model.events import Event
from boruta_farm.model.job import Job
from boruta_farm.model.keys import (
    ABSENT_KEYS,
    ACCESS_KEYS,
    ADDRESS_KEYS,
    EVENT_KEYS,
    EXPLANATION_KEYS,
    FORECAST_KEYS,
    HOLDER_KEYS,
    JOB_EXTRA_KEYS,
    JOB_KEYS,
    REQUEST_EXTRA_KEYS,
    REQUEST_KEYS,
    WORKER_EXTRA_KEYS,
    WORKER_KEYS,
)
from boruta_farm.model.request import Request
from boruta_farm.model.worker import AccessInfo, Worker

Json = dict[str, object]


def request_record(request: Request) -> Json:
    """Return a request as the API shows it."""
    groups = request.owner_groups
    owner: Json = {"Groups": sorted(groups) if groups else None}
    if request.owner:
        owner["Name"] = request.owner
    record = _keyed(request, REQUEST_KEYS) | _present(_keyed(request, REQUEST_EXTRA_KEYS))
    return record | {REQUEST_KEYS["owner"]: owner}


def worker_record(worker: Worker) -> Json:
    """Return a worker as the API shows it."""
    record = _keyed(worker, WORKER_KEYS) | _present(_keyed(worker, WORKER_EXTRA_KEYS))
    return record | {WORKER_KEYS["groups"]: list(worker.groups) or None}


def access_record(access: AccessInfo) -> Json:
    """Return how to reach a board as the API shows it, the private key included."""
    ip, _, zone = access.ip.partition("%")
    address = {
        ADDRESS_KEYS["ip"]: ip,
        ADDRESS_KEYS["port"]: access.port,
        ADDRESS_KEYS["zone"]: zone,
    }
    rest = {field: key for field, key in ACCESS_KEYS.items() if field != "address"}
    return {ACCESS_KEYS["address"]: address} | _present(_keyed(access, rest))


def event_record(event: Event) -> Json:
    """Return an event as the API shows it."""
    return _keyed(event, EVENT_KEYS)


def explanation_record(explanation: Explanation) -> Json:
    """Return why a request waits as the API shows it."""
    holders = [_keyed(holder, HOLDER_KEYS) for holder in explanation.holders]
    forecast, changes = explanation.forecast, list(explanation.changes)
    inside = ("holders", "changes", "absent", "forecast")
    rest = {field: key for field, key in EXPLANATION_KEYS.items() if field not in inside}
    return _keyed(explanation, rest) | {
        EXPLANATION_KEYS["holders"]: holders,
        EXPLANATION_KEYS["changes"]: changes,
        EXPLANATION_KEYS["absent"]: [_keyed(worker, ABSENT_KEYS) for worker in explanation.absent],
        EXPLANATION_KEYS["forecast"]: None if forecast is None else _keyed(forecast, FORECAST_KEYS),
    }


def _keyed(record: object, keys: Mapping[str, str]) -> Json:
    return {key: _plain(getattr(record, field)) for field, key in keys.items()}


def _present(record: Json) -> Json:
    return {key: value for key, value in record.items() if value is not None}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Job():
            return _keyed(value, JOB_KEYS | JOB_EXTRA_KEYS)
        case frozenset() | tuple():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _:
            return value
