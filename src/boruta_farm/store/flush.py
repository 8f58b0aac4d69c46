"""A batch's changes written: table by table, the journal last."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TypeVar

from boruta_farm.model.events import Change, Event
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.driver import ConflictError, ConstraintError, Row, Value
from boruta_farm.store.loaded import Loaded
from boruta_farm.store.overlay import JournalEntry, Layer
from boruta_farm.store.rows import (
    EVENT,
    JOB,
    PEOPLE,
    REQUEST,
    SESSION_KEY,
    SUMMARY,
    WORKER,
    audit_row,
)
from boruta_farm.store.schema import BUCKET_BITS, COUNTER_NAMES, PRIORITY_BITS
from boruta_farm.store.values import micros

Key = TypeVar("Key", int, str)

EVENTS_KEPT = 100_000
PRUNED_AT_ONCE = 1_000
PRUNE_EVENTS_EVERY = 256
PRUNE_EVERY = timedelta(minutes=1)

SUMMARIES_KEPT = 20_000
"""Subjects remembered; those of which nothing was learnt for longest go first."""


class Flusher:
    """Write layers; remembers only when it last pruned."""

    def __init__(self, settings: FarmSettings, events_kept: int = EVENTS_KEPT) -> None:
        self._settings = settings
        self._events_kept = events_kept
        self._pruned: datetime | None = None

    def flush(
        self, layer: Layer, loaded: Loaded, counters: dict[str, int], now: datetime
    ) -> tuple[Change, ...]:
        """Write everything and return the numbered changes; the caller commits.

        Raises ConstraintError when a compare-and-set or a unique index refuses, DiskFullError.
        """
        write = _Write(loaded)
        # A batch touches few tables, and to look for rows of all of them cost as much as to write.
        removed = write.removals(layer) if layer.removed else 0
        if layer.requests:
            write.requests(layer, counters["request"])
        if layer.workers:
            write.workers(layer)
        if layer.jobs:
            write.jobs(layer)
        write.others(layer)
        if layer.people:
            write.people(layer)
        if layer.audit_cut or layer.seals or layer.notes:
            write.audit(layer, counters["audit"])
        if layer.consoles:
            write.consoles(layer, now)
        self._prune(write, now)
        changes = number(layer.journal, counters["event"])
        last = counters["event"] + len(changes)
        write.put(write.statements.insert_events, [EVENT.row(c.event) for c in changes])
        if last // PRUNE_EVENTS_EVERY > counters["event"] // PRUNE_EVENTS_EVERY:
            write.post(write.statements.prune_events, last - self._events_kept, PRUNED_AT_ONCE)
        new = {
            "audit": counters["audit"] + len(layer.notes),
            "event": last,
            "request": layer.last_id,
            "requests": counters["requests"] + write.created - removed,
            "time": micros(now) if layer.step else max(counters["time"], micros(now)),
        }
        write.time(layer)
        write.post(write.statements.set_counters, *(new[name] for name in COUNTER_NAMES))
        return changes

    def _prune(self, write: "_Write", now: datetime) -> None:
        if self._pruned is not None and abs(now - self._pruned) < PRUNE_EVERY:
            return
        write.post(write.statements.prune_summaries, PRUNED_AT_ONCE, SUMMARIES_KEPT)
        oldest = micros(now - self._settings.idempotency_kept)
        if self._settings.console_keep:
            old = micros(now - self._settings.console_keep)
            write.post(write.statements.prune_old_consoles, old)
        if self._settings.console_bytes:
            most = self._settings.console_bytes * 1024 * 1024
            write.post(write.statements.prune_many_consoles, most)
        pruned = write.execute(write.statements.prune_creations, oldest, PRUNED_AT_ONCE)
        if len(pruned) < PRUNED_AT_ONCE:
            self._pruned = now


def number(journal: Iterable[JournalEntry], last: int) -> tuple[Change, ...]:
    """Number the journal's entries from ``last`` on and return them as changes."""
    return tuple(
        Change(
            event=_event(entry, place),
            request=entry.request,
            worker=entry.worker,
            identity=entry.identity,
        )
        for place, entry in enumerate(journal, last + 1)
    )


def _event(entry: JournalEntry, place: int) -> Event:
    request, worker = entry.request, entry.worker
    if request is not None:
        return Event(
            number=place,
            at=entry.at,
            kind=entry.kind,
            request_id=request.id,
            worker=None if request.job is None else request.job.worker,
            state=request.state.value,
            reason=request.reason,
        )
    if worker is None:
        return Event(number=place, at=entry.at, kind=entry.kind, reason=entry.reason)
    return Event(
        number=place,
        at=entry.at,
        kind=entry.kind,
        worker=worker.uuid,
        state=worker.state.value,
        reason=worker.reason if entry.reason is None else entry.reason,
    )


class _Write:
    """Send one layer's rows, table by table."""

    def __init__(self, loaded: Loaded) -> None:
        self.statements = loaded.records.statements
        self.created = 0
        self._loaded = loaded
        self._driver = loaded.records.driver

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement over rows, if there are any, of which nothing is to be returned."""
        if rows:
            self._driver.put(statement, rows)

    def post(self, statement: str, *parameters: Value) -> None:
        """Run a statement that takes no rows, and of which nothing is to be returned."""
        self._driver.post(statement, parameters)

    def execute(self, statement: str, *parameters: int) -> list[Row]:
        """Run a statement that takes no rows."""
        return self._driver.fetch(statement, parameters)

    def _compare(self, statement: str, rows: Mapping[Key, Row]) -> None:
        """Run a compare-and-set and refuse the batch unless every row, by its key, was met."""
        if not rows:
            return
        done = {key for (key,) in self._driver.write(statement, list(rows.values()))}
        missed = [str(key) for key in rows if key not in done]
        if missed:
            raise ConflictError(f"changed by somebody else meanwhile: {', '.join(missed)}")

    def requests(self, layer: Layer, last_id: int) -> None:
        """Write new requests (above ``last_id``), changed ones, and the tallies of them."""
        new: list[Row] = []
        changed: dict[int, Row] = {}
        moved: dict[int, Row] = {}
        tallies: Counter[tuple[str, int]] = Counter()
        priorities: Counter[tuple[int, int]] = Counter()
        for request in layer.requests.values():
            bucket = request.id >> BUCKET_BITS
            known = request.id <= last_id
            stored = self._loaded.request(request.id) if known else None
            if stored is None:
                new.append(REQUEST.row(request))
            else:
                if REQUEST.only_moved(stored, request):
                    moved[request.id] = (*REQUEST.move(request), stored.revision)
                else:
                    changed[request.id] = (*REQUEST.row(request), stored.revision)
                tallies[stored.state.value, bucket] -= 1
                priorities[stored.priority, request.id >> PRIORITY_BITS] -= 1
            tallies[request.state.value, bucket] += 1
            priorities[request.priority, request.id >> PRIORITY_BITS] += 1
        self.created = len(new)
        self.put(self.statements.insert_requests, new)
        self._compare(self.statements.update_requests, changed)
        self._compare(self.statements.move_requests, moved)
        self._tally(tallies, priorities)
        self.put(
            self.statements.add_backlogs,
            [(owner, size) for owner, size in layer.backlogs.items() if size],
        )

    def _tally(
        self, states: Counter[tuple[str, int]], priorities: Counter[tuple[int, int]]
    ) -> None:
        statements = self.statements
        counted = [(*place, count) for place, count in states.items() if count]
        self.put(statements.add_tallies, counted)
        ranked = [(*place, count) for place, count in priorities.items() if count]
        self.put(statements.add_priority_tallies, ranked)

    def removals(self, layer: Layer) -> int:
        """Remove finished requests with what hangs on them; return how many."""
        ids = self.statements.dialect.members(layer.removed)
        tallies: Counter[tuple[str, int]] = Counter()
        priorities: Counter[tuple[int, int]] = Counter()
        epochs: dict[str, int] = {}
        gone = self._driver.fetch(self.statements.remove_requests, (ids,))
        for number, state, priority, worker, epoch in gone:
            tallies[state, number >> BUCKET_BITS] -= 1
            priorities[priority, number >> PRIORITY_BITS] -= 1
            if worker is not None:
                epochs[worker] = max(epoch, epochs.get(worker, 0))
        if len(gone) != len(layer.removed):
            raise ConflictError("requests that were to be removed are not finished any more")
        self._tally(tallies, priorities)
        self.put(self.statements.remove_jobs, list(epochs.items()))
        self._driver.post(self.statements.remove_consoles, (ids,))
        before = self._loaded.records.removed()
        up_to = max(before.up_to, *layer.removed)
        words = f"{before.count + len(gone)} {up_to}"
        self._driver.post(self.statements.keep_removed, (words,))
        return len(gone)

    def workers(self, layer: Layer) -> None:
        """Write removed, changed, then new workers: a port or name may pass from one to another."""
        gone: dict[str, Row] = {}
        new: list[Row] = []
        changed: dict[str, Row] = {}
        moved: dict[str, Row] = {}
        for uuid, worker in layer.workers.items():
            stored = self._loaded.worker(uuid)
            if worker is not None and stored is not None and uuid not in layer.reborn:
                if WORKER.only_moved(stored, worker):
                    moved[uuid] = (*WORKER.move(worker), stored.revision)
                else:
                    changed[uuid] = (*WORKER.row(worker), stored.revision)
                continue
            if stored is not None:
                gone[uuid] = (uuid, stored.revision)
            if worker is not None:
                new.append(WORKER.row(worker))
        self._compare(self.statements.delete_workers, gone)
        self._compare(self.statements.update_workers, changed)
        self._compare(self.statements.move_workers, moved)
        self.put(self.statements.insert_workers, new)

    def jobs(self, layer: Layer) -> None:
        """Write jobs, the ended ones first: they free the worker for the next."""
        jobs = sorted(layer.jobs.values(), key=attrgetter("holds"))
        rows = list(map(JOB.row, jobs))
        done = set(map(tuple, self._driver.write(self.statements.save_jobs, rows)))
        for job in jobs:
            if (job.worker, job.epoch) not in done:
                raise ConstraintError(
                    f"worker {job.worker} had a job of another request in epoch {job.epoch}"
                )

    def others(self, layer: Layer) -> None:
        """Write keys, remembered epochs, creations and what was learnt."""
        if layer.keys:
            saved = [SESSION_KEY.row(key) for key in layer.keys.values() if key is not None]
            erased = [place for place, key in layer.keys.items() if key is None]
            self.put(self.statements.save_keys, saved)
            self.put(self.statements.erase_keys, erased)
        if layer.epochs:
            self.put(self.statements.save_epochs, list(layer.epochs.items()))
        if layer.creations:
            creations = [
                (owner, key, body_hash, request_id, micros(at))
                for (owner, key), (body_hash, request_id, at) in layer.creations.items()
            ]
            self.put(self.statements.save_creations, creations)
        if layer.summaries:
            summaries = list(map(SUMMARY.row, layer.summaries.values()))
            self.put(self.statements.save_summaries, summaries)

    def time(self, layer: Layer) -> None:
        """Write what a later start finds the farm's time by, and what moves with its steps."""
        if layer.step:
            self._driver.post(
                self.statements.shift_creations, (layer.step // timedelta(microseconds=1),)
            )
        for mark in layer.marks.items():
            self._driver.post(self.statements.keep_mark, mark)

    def people(self, layer: Layer) -> None:
        """Write accounts, groups and tokens."""
        saved: defaultdict[str, list[Row]] = defaultdict(list)
        removed: defaultdict[str, list[Row]] = defaultdict(list)
        for (table, key), record in layer.people.items():
            if record is None:
                removed[table].append((key,))
            else:
                saved[table].append(PEOPLE[table].row(record))
        for table, rows in removed.items():
            self.put(self.statements.people[table].delete, rows)
        for table, rows in saved.items():
            self.put(self.statements.people[table].save, rows)

    def consoles(self, layer: Layer, now: datetime) -> None:
        """Write what consoles said."""
        rows = [
            (*key, chunk.count, chunk.dropped, micros(now), len(chunk.content), chunk.content)
            for key, chunk in layer.consoles.items()
        ]
        self.put(self.statements.save_console, rows)

    def audit(self, layer: Layer, last: int) -> None:
        """Cut off, write seals, then new entries, numbered from ``last`` on."""
        if layer.audit_cut:
            self.post(self.statements.cut_audit, layer.audit_cut)
        self.put(self.statements.save_seals, list(layer.seals.items()))
        rows = [
            audit_row(place, at, note) for place, (at, note) in enumerate(layer.notes, last + 1)
        ]
        self.put(self.statements.insert_audit, rows)
