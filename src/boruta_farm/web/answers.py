"""Records as the JSON that clients of the original know, our additive keys after theirs."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from boruta_farm.contracts import Explanation, Filed
from boruta_farm.model.events import Event
from boruta_farm.model.explanation import Cause, Forecast
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
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo, Worker
from boruta_farm.web.times import format_time

TimeText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class VersionAnswer(Struct, frozen=True):
    """Versions of the server and of the API."""

    server: str = msgspec.field(name="Server")
    api_version: str = msgspec.field(name="API_Version")
    api_state: str = msgspec.field(name="API_State")


class CountAnswer(Struct, frozen=True):
    """How many waiting requests would lose their last worker."""

    count: int = msgspec.field(name="Count")


class OwnerAnswer(Struct, frozen=True):
    """A request's owner: groups, null when there are none; the name where users are known."""

    groups: list[str] | None = msgspec.field(name="Groups")
    name: str | UnsetType = msgspec.field(name="Name", default=UNSET)


class JobAnswer(Struct, frozen=True, kw_only=True, rename=JOB_KEYS | JOB_EXTRA_KEYS):
    """A request's hold on a worker; it stays in place after the end."""

    worker: str
    timeout: TimeText
    epoch: int
    granted: TimeText
    limit: TimeText


class RequestAnswer(Struct, frozen=True, kw_only=True, rename=REQUEST_KEYS | REQUEST_EXTRA_KEYS):
    """A request. Keys beyond the original's are left out while they have no value."""

    id: int
    priority: int
    owner: OwnerAnswer
    deadline: TimeText
    valid_after: TimeText
    state: str
    job: JobAnswer | None
    caps: dict[str, str] | None
    selector: str | UnsetType = UNSET
    ssh_key: str | UnsetType = UNSET
    keep_alive: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    created: TimeText
    finished: TimeText | UnsetType = UNSET
    orphaned_since: TimeText | UnsetType = UNSET


class WorkerAnswer(Struct, frozen=True, kw_only=True, rename=WORKER_KEYS | WORKER_EXTRA_KEYS):
    """A worker. Keys beyond the original's are left out while they have no value."""

    uuid: str
    state: str
    groups: list[str] | None
    caps: dict[str, str]
    name: str
    fence: str
    reach: str
    reason: str | UnsetType = UNSET
    since: TimeText
    epoch: int
    port: int
    host_key: str | UnsetType = UNSET
    after_job: bool
    unreachable_since: TimeText | UnsetType = UNSET
    credential_since: TimeText | UnsetType = UNSET
    facts: dict[str, str] | UnsetType = UNSET


class AddressAnswer(Struct, frozen=True, kw_only=True, rename=ADDRESS_KEYS):
    """Where to dial: an address, never a name."""

    ip: str
    port: int
    zone: str


class AccessAnswer(Struct, frozen=True, kw_only=True, rename=ACCESS_KEYS):
    """How to reach the board; `Key` is empty when the request brought its own."""

    address: AddressAnswer
    key: str
    username: str
    host_key: str | UnsetType = UNSET


class EventAnswer(Struct, frozen=True, kw_only=True, rename=EVENT_KEYS):
    """One thing that happened."""

    number: int
    at: TimeText
    kind: str
    request_id: int | None
    worker: str | None
    state: str | None
    reason: str | None


class HolderAnswer(Struct, frozen=True, kw_only=True, rename=HOLDER_KEYS):
    """One who holds a worker that the request could use."""

    worker: str
    name: str
    request_id: int
    owner: str | None
    until: TimeText


class AbsentAnswer(Struct, frozen=True, kw_only=True, rename=ABSENT_KEYS):
    """A worker that the request could use, were it in service."""

    worker: str
    name: str
    state: str
    reason: str | None


class ForecastAnswer(Struct, frozen=True, kw_only=True, rename=FORECAST_KEYS):
    """When the request is expected to start; `Hits` of the last `Of` starts were as foretold."""

    earliest: TimeText
    latest: TimeText
    hits: int
    of: int


class ExplanationAnswer(Struct, frozen=True, kw_only=True, rename=EXPLANATION_KEYS):
    """Why a request waits, and for whom."""

    request_id: int
    state: str
    position: int | None
    matching: dict[str, int]
    holders: list[HolderAnswer]
    text: str
    cause: str
    absent: list[AbsentAnswer]
    lacking: dict[str, int]
    other_groups: int
    nearest: str | None
    changes: list[str]
    policy: str | None
    decided: str | None
    forecast: ForecastAnswer | None


class CreatedAnswer(Struct, frozen=True):
    """The id of the request just filed, and in short what it waits for.

    `Warnings` come when no registered board could serve it, in whatever state.
    """

    request_id: int = msgspec.field(name="ReqID")
    explanation: ExplanationAnswer | UnsetType = msgspec.field(name="Explanation", default=UNSET)
    warnings: list[str] | UnsetType = msgspec.field(name="Warnings", default=UNSET)


UNSERVED = frozenset({Cause.NO_BOARD, Cause.GROUPS})
"""Causes that no amount of waiting removes, unless the farm's boards change."""


def created_answer(filed: Filed) -> CreatedAnswer:
    """Show a new request's id with what there is to say at once."""
    outlook = filed.outlook
    if outlook is None:
        return CreatedAnswer(filed.id)
    warned = outlook.cause in UNSERVED
    return CreatedAnswer(filed.id, explanation_answer(outlook), [outlook.text] if warned else UNSET)


encode = msgspec.json.Encoder(order="deterministic").encode
"""Encode an answer; keys of maps are sorted, as Go does."""

_NO_USERS = OwnerAnswer(None)


def request_answer(request: Request) -> RequestAnswer:
    """Show a request; the job of a request that still shows WAITING is not told."""
    groups = request.owner_groups
    job = None if request.state is RequestState.WAITING else request.job
    return RequestAnswer(
        id=request.id,
        priority=request.priority,
        owner=_NO_USERS if groups is None else OwnerAnswer(sorted(groups) or None, request.owner),
        deadline=format_time(request.deadline),
        valid_after=format_time(request.valid_after),
        state=request.state.value,
        job=None if job is None else _job_answer(job),
        caps=None if request.caps is None else dict(request.caps),
        selector=UNSET if request.selector is None else request.selector,
        ssh_key=UNSET if request.ssh_key is None else request.ssh_key,
        keep_alive=UNSET if request.keep_alive is None else request.keep_alive,
        reason=UNSET if request.reason is None else request.reason,
        created=format_time(request.created),
        finished=UNSET if request.finished is None else format_time(request.finished),
        orphaned_since=(
            UNSET if request.orphaned_since is None else format_time(request.orphaned_since)
        ),
    )


def _job_answer(job: Job) -> JobAnswer:
    return JobAnswer(
        worker=job.worker,
        timeout=format_time(job.timeout),
        epoch=job.epoch,
        granted=format_time(job.granted),
        limit=format_time(job.limit),
    )


def worker_answer(worker: Worker) -> WorkerAnswer:
    """Show a worker; no groups are null, since one client cannot read an empty array."""
    lost, pinned = worker.unreachable_since, worker.credential_since
    return WorkerAnswer(
        uuid=worker.uuid,
        state=worker.state.value,
        groups=sorted(worker.groups) or None,
        caps=dict(worker.caps),
        name=worker.name,
        fence=worker.fence.value,
        reach=worker.reach.value,
        reason=UNSET if worker.reason is None else worker.reason,
        since=format_time(worker.since),
        epoch=worker.epoch,
        port=worker.port,
        host_key=UNSET if worker.host_key is None else worker.host_key,
        after_job=worker.after_job,
        unreachable_since=UNSET if lost is None else format_time(lost),
        credential_since=UNSET if pinned is None else format_time(pinned),
        facts=UNSET if worker.facts is None else dict(worker.facts),
    )


def access_answer(access: AccessInfo, ip: str) -> AccessAnswer:
    """Show how to reach a board at ``ip``, which may carry an IPv6 zone after ``%``."""
    host, _, zone = ip.partition("%")
    return AccessAnswer(
        address=AddressAnswer(ip=host, port=access.port, zone=zone),
        key=access.key,
        username=access.username,
        host_key=UNSET if access.host_key is None else access.host_key,
    )


def event_answer(event: Event) -> EventAnswer:
    """Show an event."""
    return EventAnswer(
        number=event.number,
        at=format_time(event.at),
        kind=event.kind.value,
        request_id=event.request_id,
        worker=event.worker,
        state=event.state,
        reason=event.reason,
    )


def explanation_answer(explanation: Explanation) -> ExplanationAnswer:
    """Show why a request waits."""
    return ExplanationAnswer(
        request_id=explanation.request_id,
        state=explanation.state,
        position=explanation.position,
        matching=dict(explanation.matching),
        holders=[
            HolderAnswer(
                worker=holder.worker,
                name=holder.name,
                request_id=holder.request_id,
                owner=holder.owner,
                until=format_time(holder.until),
            )
            for holder in explanation.holders
        ],
        text=explanation.text,
        cause=explanation.cause.value,
        absent=[
            AbsentAnswer(
                worker=worker.worker, name=worker.name, state=worker.state, reason=worker.reason
            )
            for worker in explanation.absent
        ],
        lacking=dict(explanation.lacking),
        other_groups=explanation.other_groups,
        nearest=explanation.nearest,
        changes=list(explanation.changes),
        policy=explanation.policy,
        decided=explanation.decided,
        forecast=_forecast_answer(explanation.forecast),
    )


def _forecast_answer(forecast: Forecast | None) -> ForecastAnswer | None:
    if forecast is None:
        return None
    return ForecastAnswer(
        earliest=format_time(forecast.earliest),
        latest=format_time(forecast.latest),
        hits=forecast.hits,
        of=forecast.of,
    )


def encode_workers(workers: Iterable[Worker]) -> bytes:
    """Encode a list of workers."""
    return encode([worker_answer(worker) for worker in workers])
