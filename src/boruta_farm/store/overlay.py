"""The transaction as commands see it: pending changes laid over what the database holds."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from boruta_farm.model.account import Account, Group
from boruta_farm.model.audit import AuditEntry as AuditEntry
from boruta_farm.model.audit import Note, cut_at, history_cut_at
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.errors import StaleProposalError, TransitionError, UnavailableError
from boruta_farm.model.events import EventKind, Identity
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.spelling import folded
from boruta_farm.model.summary import Summary
from boruta_farm.model.token import Token
from boruta_farm.model.worker import SessionKey, Worker
from boruta_farm.store.base import CLOCK_MARK
from boruta_farm.store.loaded import Loaded
from boruta_farm.store.people import ACCOUNTS, GROUPS, TOKENS, Pending, PendingPeople, place_of

NOT_LEADING = "another server of this farm leads, and does this"

ACCOUNT_ID_BYTES = 10
"""Enough that no two accounts of any farm ever have the same."""


class JournalEntry(NamedTuple):
    """Note one line of the journal before it has a number."""

    at: datetime
    kind: EventKind
    request: Request | None = None
    worker: Worker | None = None
    identity: Identity | None = None
    reason: str | None = None


@dataclass(slots=True)
class Layer:
    """Keep changes aside: those of one command, or those of a batch so far.

    A worker, name, key or person of None was removed, as were requests by policy, whose ids are in
    ``removed``. ``holders`` keeps per worker the newest job's
    epoch and the request while it holds. ``reborn`` are workers removed and registered anew.
    """

    last_id: int
    requests: dict[int, Request] = field(default_factory=dict)
    jobs: dict[tuple[str, int], Job] = field(default_factory=dict)
    workers: dict[str, Worker | None] = field(default_factory=dict)
    reborn: set[str] = field(default_factory=set)
    names: dict[str, str | None] = field(default_factory=dict)
    holders: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    keys: dict[tuple[str, int], SessionKey | None] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    backlogs: dict[str, int] = field(default_factory=dict)
    creations: dict[tuple[str, str], tuple[str, int, datetime]] = field(default_factory=dict)
    people: Pending = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)
    consoles: dict[tuple[int, int, str, int], ConsoleChunk] = field(default_factory=dict)
    notes: list[tuple[datetime, Note]] = field(default_factory=list)
    seals: dict[int, str] = field(default_factory=dict)
    audit_cut: int = 0
    removed: list[int] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    step: timedelta = timedelta()
    marks: dict[str, str] = field(default_factory=dict)

    def take(self, above: "Layer") -> None:
        """Take over the changes of a command that succeeded."""
        self.last_id = above.last_id
        self.requests.update(above.requests)
        self.jobs.update(above.jobs)
        self.workers.update(above.workers)
        self.reborn.update(above.reborn)
        self.names.update(above.names)
        self.holders.update(above.holders)
        self.keys.update(above.keys)
        self.epochs.update(above.epochs)
        for owner, size in above.backlogs.items():
            self.backlogs[owner] = self.backlogs.get(owner, 0) + size
        self.creations.update(above.creations)
        self.people.update(above.people)
        self.summaries.update(above.summaries)
        self.consoles.update(above.consoles)
        self.notes.extend(above.notes)
        self.seals.update(above.seals)
        self.audit_cut = max(self.audit_cut, above.audit_cut)
        self.removed.extend(above.removed)
        self.journal.extend(above.journal)
        self.step += above.step
        self.marks.update(above.marks)

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(
            self.journal
            or self.jobs
            or self.keys
            or self.creations
            or self.requests
            or self.notes
            or self.seals
            or self.consoles
            or self.marks
        )


class OverlayTransaction:
    """Serve one command of a batch: its own layer, then the batch's, then the database."""

    def __init__(
        self,
        batch: Layer,
        loaded: Loaded,
        settings: FarmSettings,
        now: datetime,
        *,
        leads: bool = True,
    ) -> None:
        self.layer = Layer(last_id=batch.last_id)
        self._leads = leads
        self._batch = batch
        self._loaded = loaded
        self._settings = settings
        self._people = PendingPeople(self.layer.people, batch.people, loaded.records)
        self.now = now

    @property
    def settings(self) -> FarmSettings:
        """Return the farm's rules."""
        return self._settings

    def lead(self) -> None:
        """Refuse to go on unless this server leads."""
        if not self._leads:
            raise UnavailableError(NOT_LEADING)

    def request(self, request_id: int) -> Request | None:
        """Return a request with its latest job."""
        pending = self.layer.requests.get(request_id) or self._batch.requests.get(request_id)
        if pending is None and request_id in self._batch.removed:
            return None
        return pending or self._loaded.request(request_id)

    def worker(self, uuid: str) -> Worker | None:
        """Return a registered worker."""
        for layer in (self.layer, self._batch):
            if uuid in layer.workers:
                return layer.workers[uuid]
        return self._loaded.worker(uuid)

    def registered(self) -> tuple[Worker, ...]:
        """Return all registered workers."""
        known = dict.fromkeys(self._loaded.records.worker_uuids())
        known |= dict.fromkeys(self._batch.workers) | dict.fromkeys(self.layer.workers)
        return tuple(found for uuid in known if (found := self.worker(uuid)) is not None)

    def orphaned(self) -> tuple[Request, ...]:
        """Return the waiting requests that no registered worker could serve any more."""
        known = dict.fromkeys(self._loaded.records.orphans())
        known |= dict.fromkeys(self._batch.requests) | dict.fromkeys(self.layer.requests)
        found = map(self.request, known)
        return tuple(r for r in found if r is not None and _waits(r) and r.orphaned_since)

    def worker_named(self, name: str) -> Worker | None:
        """Return the registered worker of this name."""
        for layer in (self.layer, self._batch):
            if name in layer.names:
                uuid = layer.names[name]
                return None if uuid is None else self.worker(uuid)
        stored = self._loaded.worker_named(name)
        return None if stored is None else self.worker(stored.uuid)

    def workers_like(self, text: str) -> tuple[Worker, ...]:
        """Return the registered workers whose UUID or name people take for this text."""
        like = folded(text)
        stored = self._loaded.records.worker_names()
        uuids = {uuid for uuid, name in stored if like in (folded(uuid), folded(name))}
        pending = {**self._batch.workers, **self.layer.workers}
        found = (self.worker(uuid) for uuid in sorted({*uuids, *pending}))
        return tuple(w for w in found if w is not None and like in (folded(w.uuid), folded(w.name)))

    def holder(self, uuid: str) -> Request | None:
        """Return the request whose job occupies the worker."""
        epoch, request_id = (
            self.layer.holders.get(uuid) or self._batch.holders.get(uuid) or (-1, None)
        )
        if request_id is None:
            request_id = self._loaded.records.holder(uuid, epoch)
        return None if request_id is None else self.request(request_id)

    def held_by(self, owner: str) -> tuple[Request, ...]:
        """Return the requests of an owner (an id) whose jobs occupy workers."""
        pending = {**self._batch.requests, **self.layer.requests}
        stored = self._loaded.records.held_by(owner)
        found = (self.request(number) for number in sorted({*stored, *pending}))
        return tuple(r for r in found if r is not None and r.owner == owner and r.live_job)

    def shared_with(self, account_id: str) -> tuple[Request, ...]:
        """Return the requests shared with an account whose jobs occupy workers."""
        pending = {**self._batch.requests, **self.layer.requests}
        stored = self._loaded.records.shared_with(account_id)
        found = (self.request(number) for number in sorted({*stored, *pending}))
        return tuple(r for r in found if r is not None and account_id in r.shared and r.live_job)

    def session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        """Return the key installed for a preparation."""
        for layer in (self.layer, self._batch):
            if (uuid, epoch) in layer.keys:
                return layer.keys[uuid, epoch]
        return self._loaded.records.session_key(uuid, epoch)

    def remembered_epoch(self, uuid: str) -> int:
        """Return the last epoch of a deregistered worker, else 0."""
        pending = self.layer.epochs.get(uuid) or self._batch.epochs.get(uuid) or 0
        return max(pending, self._loaded.records.epoch(uuid))

    def remembered_creation(self, owner: str, key: str) -> tuple[str, int] | None:
        """Return body hash and request id filed under an Idempotency-Key."""
        oldest = self.now - self._settings.idempotency_kept
        for layer in (self.layer, self._batch):
            if (owner, key) in layer.creations:
                body_hash, request_id, _ = layer.creations[owner, key]
                return body_hash, request_id
        return self._loaded.records.creation(owner, key, oldest)

    def summary(self, subject: str) -> Summary | None:
        """Return what is known of a subject."""
        for layer in (self.layer, self._batch):
            if subject in layer.summaries:
                return layer.summaries[subject]
        return self._loaded.records.summary(subject)

    def save_summary(self, summary: Summary) -> None:
        """Save what is known of a subject, in place of what was known before."""
        self.layer.summaries[summary.subject] = summary

    def next_request_id(self) -> int:
        """Return an id that was never used; saving a request with it uses it up."""
        return self.layer.last_id + 1

    def free_port(self, after: int | None = None) -> int | None:
        """Return the lowest port of the range that no worker has (above ``after``, if given)."""
        lowest, highest = self._settings.tunnel_ports
        used = set(self._loaded.ports())
        pending = {**self._batch.workers, **self.layer.workers}
        for uuid in pending:
            stored = self._loaded.worker(uuid)
            if stored is not None:
                used.discard(stored.port)
        used.update(worker.port for worker in pending.values() if worker is not None)
        first = lowest if after is None else max(lowest, after + 1)
        return next((port for port in range(first, highest + 1) if port not in used), None)

    def save_request(self, request: Request, kind: EventKind) -> None:
        """Save a request with its job and journal ``kind``."""
        stored = None
        if request.revision == 1:
            if request.id <= self.layer.last_id:
                raise TransitionError(f"request id {request.id} was used before")
            self.layer.last_id = request.id
        else:
            stored = self.request(request.id)
            _expect(f"request {request.id}", stored.revision if stored else 0, request.revision)
        held = stored.size if stored is not None and _waits(stored) else 0
        holds = request.size if _waits(request) else 0
        if holds != held:
            before = self.layer.backlogs.get(request.owner, 0)
            self.layer.backlogs[request.owner] = before + holds - held
        self.layer.requests[request.id] = request
        if request.job is not None:
            self.save_job(request.job)
        self.layer.journal.append(JournalEntry(self.now, kind, request=request))

    def job_request(self, uuid: str, epoch: int) -> int | None:
        """Return the request whose job a preparation of a worker became."""
        for layer in (self.layer, self._batch):
            if (uuid, epoch) in layer.jobs:
                return layer.jobs[uuid, epoch].request_id
        return self._loaded.records.job_request(uuid, epoch)

    def save_console(self, request_id: int, epoch: int, chunk: ConsoleChunk) -> None:
        """Save a part of a job's log, unless it is there already."""
        self.layer.consoles[request_id, epoch, chunk.console, chunk.sequence] = chunk

    def save_job(self, job: Job) -> None:
        """Save a job that its request no longer keeps.

        Raises TransitionError for an epoch that was another request's: what is saved last would
        hide the other from the database's own rule.
        """
        for layer in (self.layer, self._batch):
            other = layer.jobs.get((job.worker, job.epoch))
            if other is not None and other.request_id != job.request_id:
                raise TransitionError(
                    f"worker {job.worker} had a job of another request in epoch {job.epoch}"
                )
        self.layer.jobs[job.worker, job.epoch] = job
        known = self.layer.holders.get(job.worker) or self._batch.holders.get(job.worker)
        if known is None or known[0] <= job.epoch:
            self.layer.holders[job.worker] = (job.epoch, job.request_id if job.holds else None)

    def save_worker(self, worker: Worker, kind: EventKind) -> None:
        """Save a worker and journal ``kind``; revision 1 is new, others compare-and-set."""
        stored = self.worker(worker.uuid)
        _expect(f"worker {worker.uuid}", stored.revision if stored else 0, worker.revision)
        if stored is None:
            self.layer.reborn.add(worker.uuid)
        elif stored.name != worker.name and self._owns(stored):
            self.layer.names[stored.name] = None
        self.layer.workers[worker.uuid] = worker
        self.layer.names[worker.name] = worker.uuid
        self.layer.journal.append(JournalEntry(self.now, kind, worker=worker))

    def remove_worker(self, worker: Worker, kind: EventKind) -> None:
        """Remove a worker, remember its epoch, and journal ``kind``."""
        stored = self.worker(worker.uuid)
        if stored is None:
            raise StaleProposalError(f"worker {worker.uuid} is not registered any more")
        if self._owns(stored):
            self.layer.names[stored.name] = None
        self.layer.workers[worker.uuid] = None
        self.layer.epochs[worker.uuid] = max(worker.epoch, self.remembered_epoch(worker.uuid))
        self.layer.journal.append(JournalEntry(self.now, kind, worker=worker))

    def note_worker(self, worker: Worker, kind: EventKind, reason: str) -> None:
        """Journal ``kind`` with a reason of its own; the worker stays as it is."""
        self.layer.journal.append(JournalEntry(self.now, kind, worker=worker, reason=reason))

    def remember_creation(self, owner: str, key: str, body_hash: str, request_id: int) -> None:
        """File a request under an Idempotency-Key, kept for the settings' time."""
        self.layer.creations[owner, key] = (body_hash, request_id, self.now)

    def save_key(self, key: SessionKey) -> None:
        """Save the key of a preparation, in place of an earlier one of the same epoch."""
        self.layer.keys[key.worker, key.epoch] = key

    def erase_key(self, uuid: str, epoch: int) -> None:
        """Erase the key of a preparation, harmless when there is none."""
        self.layer.keys[uuid, epoch] = None

    def account(self, account_id: str) -> Account | None:
        """Return an account."""
        found = self._people.get((ACCOUNTS, account_id))
        return found if isinstance(found, Account) else None

    def account_named(self, name: str) -> Account | None:
        """Return the account of this name."""
        return self._people.account_named(name)

    def fresh_account_id(self) -> str:
        """Return an id that no account has, ever had, or will be given again.

        Random, not counted: a restored backup has forgotten what was counted since.
        """
        return secrets.token_hex(ACCOUNT_ID_BYTES)

    def accounts(self) -> tuple[Account, ...]:
        """Return all accounts by name."""
        found = (a for a in self._people.all(ACCOUNTS) if isinstance(a, Account))
        return tuple(sorted(found, key=attrgetter("name")))

    def group(self, name: str) -> Group | None:
        """Return a group."""
        found = self._people.get((GROUPS, name))
        return found if isinstance(found, Group) else None

    def groups(self) -> tuple[Group, ...]:
        """Return all groups by name."""
        return tuple(g for g in self._people.all(GROUPS) if isinstance(g, Group))

    def token(self, token_id: str) -> Token | None:
        """Return a token."""
        found = self._people.get((TOKENS, token_id))
        return found if isinstance(found, Token) else None

    def tokens(self) -> tuple[Token, ...]:
        """Return all tokens by id."""
        return tuple(t for t in self._people.all(TOKENS) if isinstance(t, Token))

    def save_identity(self, record: Identity, kind: EventKind) -> None:
        """Save an account, group or token, or remove it if ``kind`` says so, and journal it."""
        self.layer.people[place_of(record)] = None if kind.removes else record
        self.layer.journal.append(JournalEntry(self.now, kind, identity=record))

    def waiting_size(self, owner: str) -> int:
        """Return the sizes of all waiting requests of an owner (an id) together."""
        pending = self._batch.backlogs.get(owner, 0) + self.layer.backlogs.get(owner, 0)
        return self._loaded.backlog(owner) + pending

    def count_waiting(self, owner: str, most: int) -> int:
        """Count the waiting requests of an owner (an id), up to ``most``."""
        pending = {**self._batch.requests, **self.layer.requests}
        count = self._loaded.records.count_waiting(owner, most + len(pending))
        for request in pending.values():
            if request.owner == owner:
                stored = self._loaded.request(request.id)
                count += _waits(request) - (stored is not None and _waits(stored))
        return min(count, most)

    def note(self, note: Note) -> None:
        """Enter something into the audit, in this command's transaction."""
        self.layer.notes.append((self.now, note))

    def unsealed(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the oldest committed entries that have no seal yet."""
        entries = self._loaded.records.unsealed(limit + len(self._batch.seals))
        return tuple(entry for entry in entries if entry.number not in self._batch.seals)[:limit]

    def last_seal(self) -> str | None:
        """Return the newest seal, None before the first."""
        if self._batch.seals:
            return self._batch.seals[max(self._batch.seals)]
        return self._loaded.records.last_seal()

    def cut_audit(self, before: datetime, most: int, limit: int) -> bool:
        """Cut off up to ``limit`` audit entries, and enter that; tell whether there were any."""
        found = self._loaded.records.last_to_cut(before, most, limit)
        if found is None or found[0] <= self._batch.audit_cut:
            return False
        self.layer.audit_cut = found[0]
        self.note(cut_at(*found))
        return True

    def cut_history(self, before: datetime, most: int, limit: int) -> bool:
        """Remove up to ``limit`` finished requests, and enter that; tell whether there were any."""
        last = self.now - self._settings.kept_anyway
        changed = (self._batch.requests, self._batch.removed, self.layer.requests)
        pending = {*chain(*changed, self.layer.removed)}
        found = [
            number
            for number in self._loaded.records.oldest_finished(min(before, last), last, most, limit)
            if number not in pending
        ]
        if not found:
            return False
        self.layer.removed += found
        self.note(history_cut_at(found))
        words = f"{len(found)} finished requests up to {found[-1]} were removed by the settings"
        self.layer.journal.append(JournalEntry(self.now, EventKind.HISTORY_CUT, reason=words))
        return True

    def keep_anchor(self, anchor: str) -> None:
        """Keep the text by which a later start finds the farm's time."""
        self.keep_mark(CLOCK_MARK, anchor)

    def keep_mark(self, name: str, text: str) -> None:
        """Keep a text beside the records."""
        self.layer.marks[name] = text

    def step_clock(self, by: timedelta, anchor: str, reason: str) -> None:
        """Set the writer's time by so much once this command is over, and journal it."""
        self.layer.step += by
        self.keep_anchor(anchor)
        self.layer.journal.append(JournalEntry(self.now, EventKind.CLOCK_STEPPED, reason=reason))

    def seal(self, seals: Mapping[int, str]) -> None:
        """Save the seals of entries by number."""
        self.layer.seals.update(seals)

    def _owns(self, worker: Worker) -> bool:
        """Tell whether nobody else took over the worker's name meanwhile."""
        return next(
            (
                layer.names[worker.name] == worker.uuid
                for layer in (self.layer, self._batch)
                if worker.name in layer.names
            ),
            True,
        )


def _waits(request: Request) -> bool:
    return request.state is RequestState.WAITING


def _expect(what: str, stored: int, saved: int) -> None:
    """Compare before setting: the saved revision must follow the stored one."""
    if saved != stored + 1:
        raise StaleProposalError(
            f"{what} is at revision {stored}, so revision {saved} cannot follow"
        )
