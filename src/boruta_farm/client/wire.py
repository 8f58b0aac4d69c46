"""The API's JSON as records of the model."""

from datetime import UTC, datetime

from boruta_farm.client.fields import Fields, objects
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.explanation import Absent, Cause, Explanation, Filed, Forecast, Holder
from boruta_farm.model.job import Job, JobPhase
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
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo, Fence, Reach, Worker, WorkerState

REQUEST = REQUEST_KEYS | REQUEST_EXTRA_KEYS
JOB = JOB_KEYS | JOB_EXTRA_KEYS
WORKER = WORKER_KEYS | WORKER_EXTRA_KEYS
REACHES = frozenset(Reach)
EVERYWHERE = frozenset({"", "::", "0.0.0.0"})
"""What the original's server gives as address when it listens on all of them."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in for times that the original's server does not tell."""

KINDS = frozenset(str(kind) for kind in EventKind)


def read_request(value: object) -> Request:
    """Return a request; what the original's server does not tell gets its nearest stand-in."""
    return _request(Fields(value, "a request"))


def read_requests(value: object) -> tuple[Request, ...]:
    """Return a list of requests."""
    return tuple(_request(fields) for fields in objects(value, "a request"))


def _request(fields: Fields) -> Request:
    request_id = fields.number(REQUEST["id"])
    state = fields.choice(REQUEST["state"], RequestState)
    owner = fields.optional_object(REQUEST["owner"], "an owner")
    groups = None if owner is None else owner.optional_texts("Groups")
    valid_after = fields.time(REQUEST["valid_after"])
    job = fields.optional_object(REQUEST["job"], "a job")
    return Request(
        id=request_id,
        owner=(owner.optional_text("Name") if owner is not None else None) or "",
        owner_groups=None if groups is None else frozenset(groups),
        priority=fields.number(REQUEST["priority"]),
        valid_after=valid_after,
        deadline=fields.time(REQUEST["deadline"]),
        state=state,
        caps=fields.optional_text_map(REQUEST["caps"]),
        created=fields.optional_time(REQUEST["created"]) or valid_after,
        selector=fields.optional_text(REQUEST["selector"]),
        ssh_key=fields.optional_text(REQUEST["ssh_key"]),
        keep_alive=fields.optional_number(REQUEST["keep_alive"]),
        orphaned_since=fields.optional_time(REQUEST["orphaned_since"]),
        finished=fields.optional_time(REQUEST["finished"]),
        reason=fields.optional_text(REQUEST["reason"]),
        job=None if job is None else _job(job, request_id, state),
    )


def _job(fields: Fields, request_id: int, state: RequestState) -> Job:
    timeout = fields.time(JOB["timeout"])
    return Job(
        request_id=request_id,
        worker=fields.text(JOB["worker"]),
        epoch=fields.optional_number(JOB["epoch"]) or 0,
        phase=JobPhase.LIVE if state is RequestState.IN_PROGRESS else JobPhase.ENDED,
        granted=fields.optional_time(JOB["granted"]) or timeout,
        timeout=timeout,
        limit=fields.optional_time(JOB["limit"]) or timeout,
    )


def read_worker(value: object) -> Worker:
    """Return a worker; how the farm itself reaches its board is not told to clients."""
    return _worker(Fields(value, "a worker"))


def read_workers(value: object) -> tuple[Worker, ...]:
    """Return a list of workers."""
    return tuple(_worker(fields) for fields in objects(value, "a worker"))


def _worker(fields: Fields) -> Worker:
    uuid = fields.text(WORKER["uuid"])
    since = fields.optional_time(WORKER["since"])
    fence = fields.optional_text(WORKER["fence"])
    reach = fields.optional_text(WORKER["reach"])
    return Worker(
        uuid=uuid,
        name=fields.optional_text(WORKER["name"]) or uuid,
        state=fields.choice(WORKER["state"], WorkerState),
        since=since or NEVER,
        caps=fields.optional_text_map(WORKER["caps"]) or {},
        groups=fields.optional_texts(WORKER["groups"]) or (),
        epoch=fields.optional_number(WORKER["epoch"]) or 0,
        fence=Fence.AGENT if fence == Fence.AGENT else Fence.NONE,
        dryad_address="",
        ssh_address="",
        port=fields.optional_number(WORKER["port"]) or 0,
        registered=since or NEVER,
        reason=fields.optional_text(WORKER["reason"]),
        host_key=fields.optional_text(WORKER["host_key"]),
        after_job=fields.flag(WORKER["after_job"]),
        unreachable_since=fields.optional_time(WORKER["unreachable_since"]),
        credential_since=fields.optional_time(WORKER["credential_since"]),
        facts=fields.optional_text_map(WORKER["facts"]),
        reach=Reach(reach) if reach in REACHES else Reach.DIRECT,
    )


def read_access(value: object, host: str) -> AccessInfo:
    """Return how to reach a board; an address of "everywhere" means the server's ``host``."""
    fields = Fields(value, "an access")
    address = fields.optional_object(ACCESS_KEYS["address"], "an address") or Fields({}, "")
    ip = address.optional_text(ADDRESS_KEYS["ip"]) or ""
    zone = address.optional_text(ADDRESS_KEYS["zone"])
    if ip in EVERYWHERE:
        ip = host
    elif zone:
        ip = f"{ip}%{zone}"
    return AccessInfo(
        ip=ip,
        port=address.number(ADDRESS_KEYS["port"]),
        key=fields.optional_text(ACCESS_KEYS["key"]) or "",
        username=fields.text(ACCESS_KEYS["username"]),
        host_key=fields.optional_text(ACCESS_KEYS["host_key"]),
    )


def read_event(value: object) -> Event | None:
    """Return an event, or None for a kind that only a newer server knows."""
    fields = Fields(value, "an event")
    if fields.text(EVENT_KEYS["kind"]) not in KINDS:
        return None
    return Event(
        number=fields.number(EVENT_KEYS["number"]),
        at=fields.time(EVENT_KEYS["at"]),
        kind=fields.choice(EVENT_KEYS["kind"], EventKind),
        request_id=fields.optional_number(EVENT_KEYS["request_id"]),
        worker=fields.optional_text(EVENT_KEYS["worker"]),
        state=fields.optional_text(EVENT_KEYS["state"]),
        reason=fields.optional_text(EVENT_KEYS["reason"]),
    )


def read_filed(value: object) -> Filed:
    """Return what a server answers to a new request; the original tells its id alone."""
    fields = Fields(value, "the id of a request")
    told = value.get("Explanation") if isinstance(value, dict) else None
    return Filed(
        id=fields.number("ReqID"), outlook=None if told is None else read_explanation(told)
    )


def read_explanation(value: object) -> Explanation:
    """Return why a request waits."""
    fields = Fields(value, "an explanation")
    return Explanation(
        request_id=fields.number(EXPLANATION_KEYS["request_id"]),
        state=fields.text(EXPLANATION_KEYS["state"]),
        position=fields.optional_number(EXPLANATION_KEYS["position"]),
        matching=fields.number_map(EXPLANATION_KEYS["matching"]),
        holders=tuple(
            Holder(
                worker=holder.text(HOLDER_KEYS["worker"]),
                name=holder.text(HOLDER_KEYS["name"]),
                request_id=holder.number(HOLDER_KEYS["request_id"]),
                owner=holder.optional_text(HOLDER_KEYS["owner"]),
                until=holder.time(HOLDER_KEYS["until"]),
            )
            for holder in fields.objects(EXPLANATION_KEYS["holders"], "a holder")
        ),
        text=fields.optional_text(EXPLANATION_KEYS["text"]) or "",
        cause=_cause(fields.optional_text(EXPLANATION_KEYS["cause"])),
        absent=tuple(
            Absent(
                worker=worker.text(ABSENT_KEYS["worker"]),
                name=worker.text(ABSENT_KEYS["name"]),
                state=worker.text(ABSENT_KEYS["state"]),
                reason=worker.optional_text(ABSENT_KEYS["reason"]),
            )
            for worker in fields.objects(EXPLANATION_KEYS["absent"], "a worker out of service")
        ),
        lacking=fields.number_map(EXPLANATION_KEYS["lacking"]),
        other_groups=fields.optional_number(EXPLANATION_KEYS["other_groups"]) or 0,
        nearest=fields.optional_text(EXPLANATION_KEYS["nearest"]),
        changes=fields.optional_texts(EXPLANATION_KEYS["changes"]) or (),
        policy=fields.optional_text(EXPLANATION_KEYS["policy"]),
        decided=fields.optional_text(EXPLANATION_KEYS["decided"]),
        forecast=_forecast(fields.optional_object(EXPLANATION_KEYS["forecast"], "a forecast")),
    )


def _cause(text: str | None) -> Cause:
    """Return the cause; one that a newer server tells is none that this client knows."""
    return Cause(text) if text in set(Cause) else Cause.NONE


def _forecast(fields: Fields | None) -> Forecast | None:
    if fields is None:
        return None
    return Forecast(
        earliest=fields.time(FORECAST_KEYS["earliest"]),
        latest=fields.time(FORECAST_KEYS["latest"]),
        hits=fields.number(FORECAST_KEYS["hits"]),
        of=fields.number(FORECAST_KEYS["of"]),
    )
