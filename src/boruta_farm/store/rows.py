"""Records to rows and back.

Times are whole microseconds since 1970 (UTC), mappings are JSON texts, secrets base64.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from boruta_farm.model.audit import Entry, Note
from boruta_farm.model.errors import InvalidError
from boruta_farm.model.events import Event, EventKind
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import Fence, Reach, SessionKey, Worker, WorkerState
from boruta_farm.store.driver import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
REQUEST_STATES = {state.value: state for state in RequestState}
WORKER_STATES = {state.value: state for state in WorkerState}
PHASES = {phase.value: phase for phase in JobPhase}
KINDS = {kind.value: kind for kind in EventKind}
json_text = json.JSONEncoder(separators=(",", ":")).encode
"""Writes JSON without spaces; ``json.dumps`` would make an encoder for every text."""


def micros(moment: datetime) -> int:
    """Return a time as whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def some_micros(moment: datetime | None) -> int | None:
    """Return the same, None for none."""
    return None if moment is None else micros(moment)


def moment(microseconds: int) -> datetime:
    """Return the time that ``micros`` wrote."""
    return EPOCH + timedelta(0, 0, microseconds)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(0, 0, microseconds)


def mapping_text(mapping: Mapping[str, str]) -> str:
    """Return a mapping as JSON; ``pair_text`` of each of its pairs is a part of it."""
    return json_text(dict(mapping))


def _caps_text(caps: Mapping[str, str]) -> str:
    """Return the same of what a request asks for, which few others have not asked for before."""
    return _pairs_text(tuple(caps.items()))


@lru_cache(maxsize=1024)
def _pairs_text(pairs: tuple[tuple[str, str], ...]) -> str:
    return json_text(dict(pairs))


def pair_text(key: str, value: str) -> str:
    """Return how a pair looks inside ``mapping_text``."""
    return f"{json.dumps(key)}:{json.dumps(value)}"


@lru_cache(maxsize=8192)
def mapping(text: str) -> Mapping[str, str]:
    """Return the mapping of a text; records with equal capabilities share one object."""
    decoded: dict[str, str] = json.loads(text)
    return decoded


def _mapping_text(value: Mapping[str, str] | None) -> str | None:
    return None if value is None else mapping_text(value)


def _mapping(text: str | None) -> Mapping[str, str] | None:
    """Return facts, which differ from worker to worker and from minute to minute: not cached."""
    return None if text is None else json.loads(text)


def plain(text: str | None) -> str | None:
    """Refuse NUL characters, which neither database keeps whole."""
    if text is not None and "\0" in text:
        raise InvalidError("a text contains a NUL character, which cannot be stored")
    return text


def request_row(request: Request) -> Row:
    """Return a request in the order of ``tables.REQUESTS``."""
    groups = request.owner_groups
    job = request.job
    created = micros(request.created)
    # Most are valid from the moment they are filed.
    at_once = request.valid_after is request.created
    return (
        request.id,
        plain(request.owner),
        None if groups is None else json_text(sorted(groups)),
        request.priority,
        created if at_once else micros(request.valid_after),
        micros(request.deadline),
        request.state.value,
        None if request.caps is None else _caps_text(request.caps),
        plain(request.selector),
        created,
        request.revision,
        plain(request.ssh_key),
        request.keep_alive,
        some_micros(request.orphaned_since),
        some_micros(request.finished),
        plain(request.reason),
        None if job is None else job.worker,
        None if job is None else job.epoch,
    )


def request_from(row: Row) -> Request:
    """Return the request of a row with its job's columns behind it."""
    (
        number,
        owner,
        groups,
        priority,
        valid_after,
        deadline,
        state,
        caps,
        selector,
        created,
        revision,
        ssh_key,
        keep_alive,
        orphaned_since,
        finished,
        reason,
        job_worker,
    ) = row[:17]
    filed = moment(created)
    return Request(
        id=number,
        owner=owner,
        owner_groups=None if groups is None else owner_groups_from(groups),
        priority=priority,
        # Most are valid from the moment they are filed.
        valid_after=filed if valid_after == created else moment(valid_after),
        deadline=moment(deadline),
        state=REQUEST_STATES[state],
        caps=None if caps is None else mapping(caps),
        selector=selector,
        created=filed,
        revision=revision,
        ssh_key=ssh_key,
        keep_alive=keep_alive,
        orphaned_since=None if orphaned_since is None else moment(orphaned_since),
        finished=None if finished is None else moment(finished),
        reason=reason,
        job=None if job_worker is None else job_from(row[18:]),
    )


@lru_cache(maxsize=1024)
def owner_groups_from(text: str) -> frozenset[str]:
    """Return an owner's groups from their text; requests with equal groups share one object."""
    return frozenset(json.loads(text))


def job_row(job: Job) -> Row:
    """Return a job in the order of ``tables.JOBS``."""
    return (
        job.request_id,
        job.worker,
        job.epoch,
        job.phase.value,
        micros(job.granted),
        micros(job.timeout),
        micros(job.limit),
        job.prolong_seq,
        some_micros(job.wanted_timeout),
        some_micros(job.keep_alive_until),
        job.waited,
        job.key_read,
        some_micros(job.ended),
    )


def job_from(row: Row) -> Job:
    """Return the job of a row."""
    return Job(
        request_id=row[0],
        worker=row[1],
        epoch=row[2],
        phase=PHASES[row[3]],
        granted=moment(row[4]),
        timeout=moment(row[5]),
        limit=moment(row[6]),
        prolong_seq=row[7],
        wanted_timeout=_moment(row[8]),
        keep_alive_until=_moment(row[9]),
        waited=bool(row[10]),
        key_read=bool(row[11]),
        ended=_moment(row[12]),
    )


def worker_row(worker: Worker) -> Row:
    """Return a worker in the order of ``tables.WORKERS``."""
    return (
        plain(worker.uuid),
        plain(worker.name),
        worker.state.value,
        micros(worker.since),
        mapping_text(worker.caps),
        json_text(worker.groups),
        worker.epoch,
        worker.fence.value,
        plain(worker.dryad_address),
        plain(worker.ssh_address),
        worker.port,
        micros(worker.registered),
        worker.revision,
        plain(worker.reason),
        plain(worker.username),
        plain(worker.host_key),
        plain(worker.boot_id),
        plain(worker.credential),
        some_micros(worker.credential_since),
        plain(worker.next_credential),
        plain(worker.asked_name),
        worker.after_job,
        worker.idle_again,
        some_micros(worker.unreachable_since),
        _mapping_text(worker.facts),
        json_text([micros(at) for at in worker.recoveries]),
        worker.reach.value,
    )


def worker_from(row: Row) -> Worker:
    """Return the worker of a row."""
    return Worker(
        uuid=row[0],
        name=row[1],
        state=WORKER_STATES[row[2]],
        since=moment(row[3]),
        caps=mapping(row[4]),
        groups=groups_from(row[5]),
        epoch=row[6],
        fence=Fence(row[7]),
        dryad_address=row[8],
        ssh_address=row[9],
        port=row[10],
        registered=moment(row[11]),
        revision=row[12],
        reason=row[13],
        username=row[14],
        host_key=row[15],
        boot_id=row[16],
        credential=row[17],
        credential_since=_moment(row[18]),
        next_credential=row[19],
        asked_name=row[20],
        after_job=bool(row[21]),
        idle_again=bool(row[22]),
        unreachable_since=_moment(row[23]),
        facts=_mapping(row[24]),
        recoveries=_moments(row[25]),
        reach=Reach(row[26]),
    )


def _moments(text: str) -> tuple[datetime, ...]:
    return () if text == "[]" else tuple(moment(number) for number in json.loads(text))


@lru_cache(maxsize=1024)
def groups_from(text: str) -> tuple[str, ...]:
    """Return a worker's groups from their text."""
    return tuple(json.loads(text))


def key_row(key: SessionKey) -> Row:
    """Return a session key in the order of ``tables.SESSION_KEYS``."""
    sealed = None if key.sealed is None else b64encode(key.sealed).decode("ascii")
    return (key.worker, key.epoch, plain(key.public), sealed)


def key_from(row: Row) -> SessionKey:
    """Return the session key of a row."""
    sealed = None if row[3] is None else b64decode(row[3])
    return SessionKey(worker=row[0], epoch=row[1], public=row[2], sealed=sealed)


def summary_row(summary: Summary) -> Row:
    """Return a summary in the order of ``tables.SUMMARIES``."""
    numbers = json_text(summary.values)
    return (plain(summary.subject), numbers, micros(summary.updated))


def summary_from(row: Row) -> Summary:
    """Return the summary of a row."""
    values = tuple(float(value) for value in json.loads(row[1]))
    return Summary(subject=row[0], values=values, updated=moment(row[2]))


def event_row(event: Event) -> Row:
    """Return an event in the order of ``tables.EVENTS``."""
    return (
        event.number,
        micros(event.at),
        event.kind.value,
        event.request_id,
        event.worker,
        event.state,
        event.reason,
    )


def event_from(row: Row) -> Event:
    """Return the event of a row."""
    return Event(
        number=row[0],
        at=moment(row[1]),
        kind=KINDS[row[2]],
        request_id=row[3],
        worker=row[4],
        state=row[5],
        reason=row[6],
    )


def audit_row(number: int, at: datetime, note: Note) -> Row:
    """Return a new entry in the order of ``tables.AUDIT``."""
    return (
        number,
        micros(at),
        _visible(note.actor),
        _visible(note.source),
        note.action.value,
        _visible(note.subject),
        mapping_text({key: _visible(text) for key, text in note.detail.items()}),
        None,
    )


def audit_entry_from(row: Row) -> Entry:
    """Return the audit entry of a row."""
    return Entry(
        number=row[0],
        at=moment(row[1]),
        actor=row[2],
        source=row[3],
        action=row[4],
        subject=row[5],
        detail=json.loads(row[6]),
        seal=row[7],
    )


def _visible(text: str) -> str:
    """Return a text that may come from anywhere as a short visible line."""
    if text.isprintable():
        return text[:400]
    return "".join(c if c.isprintable() else "?" for c in text[:400])
