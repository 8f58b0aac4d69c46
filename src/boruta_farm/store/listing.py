"""Pages of requests and workers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from boruta_farm.model.errors import (
    RequestNotFoundError,
    SortItemError,
    WideListError,
    WorkerNotFoundError,
)
from boruta_farm.model.listing import (
    MAX_PAGE_LIMIT,
    WORKER_ITEMS,
    ListDirection,
    Page,
    Paginator,
    RequestFilter,
    Sorter,
    SortOrder,
    WorkerFilter,
)
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.sizes import size_of
from boruta_farm.model.worker import NAME_CAPABILITY, Worker, WorkerState
from boruta_farm.selectors.selector import parse
from boruta_farm.store.driver import Value
from boruta_farm.store.filtering import BriefRequest, BriefWorker
from boruta_farm.store.records import LARGEST, Records, storable
from boruta_farm.store.rows import WORKER
from boruta_farm.store.schema import BUCKET_BITS, PRIORITY_BITS, SHARED
from boruta_farm.store.values import like_member, micros, pair_text, texts

REQUEST_SORTS = {
    "": "r.id",
    "id": "r.id",
    "priority": "r.priority",
    "deadline": "r.deadline",
    "validafter": "r.valid_after",
    "state": "r.state",
}
WORKER_SORTS = ("", "id", *WORKER_ITEMS)
"""The default sorter's "id" is a worker's UUID."""


@dataclass(slots=True)
class ListCondition:
    """Collect the parts of a WHERE with their parameters."""

    parts: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def add(self, part: str, *values: Value) -> None:
        """Require one more part."""
        self.parts.append(part)
        self.values.extend(values)

    def text(self) -> str:
        """Return the WHERE, empty when nothing is required."""
        return f" WHERE {' AND '.join(self.parts)}" if self.parts else ""


SHORT = 200
"""Requests of a page that is read on the event loop; each costs some 2 us, 10 when it is new."""


def quick(where: RequestFilter, sorter: Sorter, paginator: Paginator) -> bool:
    """Tell whether a page costs little however many requests there are.

    So it is when it is short, in the order of ids, and filtered by nothing but states: indexes and
    tallies lead straight to it.
    """
    short = 0 < paginator.limit <= SHORT
    return short and _by_states_alone(where) and REQUEST_SORTS.get(sorter.item.lower()) == "r.id"


def _by_states_alone(where: RequestFilter) -> bool:
    narrow = (
        *(where.ids, where.priorities, where.finished_after, where.selector, where.shared_with),
    )
    return all(given is None for given in narrow)


MOST_SCANNED = 1_000_000
MOST_DECODED = 100_000
"""Requests that a list may look through one by one, by their indexed columns and by what only
decoding tells: either takes some two tenths to half a second of a thread that others wait for."""


def _by_priorities_alone(where: RequestFilter) -> bool:
    narrow = (where.ids, where.states, where.finished_after, where.selector, where.shared_with)
    return all(given is None for given in narrow)


def list_requests(
    records: Records, where: RequestFilter, sorter: Sorter, paginator: Paginator
) -> Page[Request]:
    """Return one page as of one state of the database."""
    key = REQUEST_SORTS.get(sorter.item.lower())
    if key is None:
        raise SortItemError
    records.driver.begin_reading()
    try:
        return _RequestPage(records, where, key, sorter, paginator).cut()
    finally:
        records.driver.rollback()


PAGE_SIZE = 8 * 1024 * 1024
"""How many bytes the items of one page take at most, as text; one item always fits."""
REQUEST_SIZE = 640
WORKER_SIZE = 640
"""What a request takes as text besides what it asks for, a worker besides its own texts."""
READ_TOGETHER = 256


class _RequestPage:
    """Cut one page: first its ids from indexes alone, then the wide rows of these ids."""

    def __init__(
        self,
        records: Records,
        where: RequestFilter,
        key: str,
        sorter: Sorter,
        paginator: Paginator,
    ) -> None:
        self._records = records
        self._fetch = records.driver.fetch
        self._dialect = records.statements.dialect
        self._where = where
        self._key = key
        self._backward = paginator.direction is ListDirection.BACKWARD
        # The page is read from its border outwards: upwards or downwards in the sort's key.
        self._up = (sorter.order is SortOrder.ASCENDING) is not self._backward
        self._limit = paginator.limit or MAX_PAGE_LIMIT
        self._border = None if paginator.border is None else self._find(paginator.border)

    def _find(self, border: int | str) -> tuple[int | str, int]:
        """Return the border's place: its value of the sort's key, and its id."""
        if not isinstance(border, int) or not 0 < border <= LARGEST:
            raise RequestNotFoundError
        statement = f"SELECT {self._key}, r.id FROM requests AS r WHERE r.id = ?"
        for value, number in self._fetch(statement, (border,)):
            return value, number
        if self._key == "r.id" and border <= self._records.removed().up_to:
            # Who leafs through a list goes on behind what was removed meanwhile.
            return border, border
        raise RequestNotFoundError

    def cut(self) -> Page[Request]:
        """Return the page with its counts."""
        where = self._where
        if where.selector is not None:
            ids, total, beyond = self._cut_by_selector(where.selector)
        elif _by_states_alone(where) and self._key == "r.id":
            ids, total, beyond = self._cut_by_state()
        elif _by_priorities_alone(where) and self._key in ("r.id", "r.priority"):
            ids, total, beyond = self._cut_by_priority()
        else:
            self._check_width(MOST_SCANNED)
            ids, total, beyond = self._cut_by_scan()
        items = self._load(ids)
        remaining = beyond - len(items)
        if self._backward:
            items.reverse()
        removed = self._records.removed()
        return Page(items=tuple(items), total=total, remaining=remaining, removed=removed)

    def _load(self, ids: Sequence[int]) -> list[Request]:
        """Read requests in the order of travel, as many as one page may hold."""
        items: list[Request] = []
        left = PAGE_SIZE
        for first in range(0, len(ids), READ_TOGETHER):
            for request in self._records.requests(ids[first : first + READ_TOGETHER]):
                left -= REQUEST_SIZE + request.size
                if left < 0 and items:
                    return items
                items.append(request)
        return items

    def _cut_by_state(self) -> tuple[list[int], int, int]:
        """Sort by id and filter by nothing but states: counts come from tallies."""
        states = self._states()
        border = None if self._border is None else self._border[1]
        past, order = (">", "ASC") if self._up else ("<", "DESC")
        after = ListCondition()
        if border is not None:
            after.add(f"r.id {past} ?", border)
        if states is None:
            statement = (
                f"SELECT r.id FROM requests AS r{after.text()} ORDER BY r.id {order} LIMIT ?"
            )
            ids = self._ids(statement, (*after.values, self._limit))
        else:
            ids = self._merge(states, after, order)
        total = self._tally(states, "bucket >= ?", 0)
        if border is None:
            return ids, total, total
        if len(ids) < self._limit:
            return ids, total, len(ids)
        bucket = border >> BUCKET_BITS
        first = bucket << BUCKET_BITS
        low, high = (
            (border + 1, first + (1 << BUCKET_BITS) - 1) if self._up else (first, border - 1)
        )
        beyond = self._tally(states, f"bucket {past} ?", bucket) + self._count(states, low, high)
        return ids, total, beyond

    def _states(self) -> list[str] | None:
        """Return the known states to filter by, None for all; an unknown one matches nothing."""
        if not self._where.states:
            return None
        return [state.value for state in RequestState if state.value in self._where.states]

    def _merge(self, states: list[str], after: ListCondition, order: str) -> list[int]:
        """Read each state's index in order and merge: no state is sorted as a whole."""
        if not states:
            return []
        condition = ListCondition(["r.state = ?", *after.parts])
        part = (
            f"SELECT r.id AS id FROM requests AS r{condition.text()} ORDER BY r.id {order} LIMIT ?"
        )
        parts = " UNION ALL ".join(
            f"SELECT id FROM ({part}) AS part_{place}" for place in range(len(states))
        )
        values: list[Value] = []
        for state in states:
            values += (state, *after.values, self._limit)
        return self._ids(f"{parts} ORDER BY id {order} LIMIT ?", (*values, self._limit))

    def _ids(self, statement: str, values: Sequence[Value]) -> list[int]:
        return [number for (number,) in self._fetch(statement, values)]

    def _sum(self, statement: str, values: Sequence[Value] = ()) -> int:
        ((number,),) = self._fetch(statement, values)
        return int(number)

    def _tally(self, states: list[str] | None, part: str, bucket: int) -> int:
        if states is None and bucket == 0 and ">=" in part:
            statement = "SELECT value FROM counters WHERE name = 'requests'"
            return self._sum(statement)
        chosen = [state.value for state in RequestState] if states is None else states
        condition = ListCondition([part], [bucket])
        condition.add(self._dialect.member("state", "text"), self._dialect.members(chosen))
        statement = f"SELECT COALESCE(SUM(requests), 0) FROM tallies{condition.text()}"
        return self._sum(statement, condition.values)

    def _count(self, states: list[str] | None, low: int, high: int) -> int:
        condition = ListCondition(["r.id BETWEEN ? AND ?"], [low, high])
        if states is not None:
            member = self._dialect.member("r.state", "text")
            condition.add(member, self._dialect.members(states))
        statement = f"SELECT COUNT(*) FROM requests AS r{condition.text()}"
        return self._sum(statement, condition.values)

    def _cut_by_priority(self) -> tuple[list[int], int, int]:
        """Sort by id or priority, filter by priorities alone: counts come from tallies."""
        rank, border = (None, None) if self._border is None else self._border
        tallied = self._of_ranks(border)
        total = sum(count for count, _ in tallied.values())
        if self._key == "r.id":
            found = [number for each in tallied for number in self._ids_of(each, border)]
            found.sort(reverse=not self._up)
            beyond = sum(self._near(each, border) + far for each, (_, far) in tallied.items())
            return found[: self._limit], total, beyond
        ids: list[int] = []
        beyond = 0
        for each in sorted(tallied, reverse=not self._up):
            count, far = tallied[each]
            if rank is not None and each != rank and (each > int(rank)) is not self._up:
                continue
            place = border if each == rank else None
            beyond += count if place is None else self._near(each, place) + far
            if len(ids) < self._limit:
                ids += self._ids_of(each, place)
        return ids[: self._limit], total, beyond

    def _of_ranks(self, border: int | None) -> dict[int, tuple[int, int]]:
        """Return, of each wanted priority, how many there are, and in buckets beyond a border."""
        past = ">" if self._up else "<"
        bucket = -1 if border is None else border >> PRIORITY_BITS
        far = f"COALESCE(SUM(requests) FILTER (WHERE bucket {past} ?), 0)"
        rows = self._fetch(
            f"SELECT priority, SUM(requests), {far} FROM priority_tallies GROUP BY priority",
            (bucket,),
        )
        wanted = set(self._where.priorities or ())
        return {
            rank: (int(count), int(count if border is None else beyond))
            for rank, count, beyond in rows
            if not wanted or rank in wanted
        }

    def _ids_of(self, rank: int, border: int | None) -> list[int]:
        """Return the first ids of a priority beyond a border."""
        past, order = (">", "ASC") if self._up else ("<", "DESC")
        condition = ListCondition(["r.priority = ?"], [rank])
        if border is not None:
            condition.add(f"r.id {past} ?", border)
        statement = (
            f"SELECT r.id FROM requests AS r{condition.text()} ORDER BY r.id {order} LIMIT ?"
        )
        return self._ids(statement, (*condition.values, self._limit))

    def _near(self, rank: int, border: int | None) -> int:
        """Count the requests of a priority beyond a border within its bucket."""
        if border is None:
            return 0
        first = border >> PRIORITY_BITS << PRIORITY_BITS
        last = first + (1 << PRIORITY_BITS) - 1
        low, high = (border + 1, last) if self._up else (first, border - 1)
        return self._sum(
            "SELECT COUNT(*) FROM requests AS r WHERE r.priority = ? AND r.id BETWEEN ? AND ?",
            (rank, low, high),
        )

    def _check_width(self, most: int) -> None:
        """Refuse a list that looks through too many requests. Raises WideListError."""
        where = self._where
        if where.ids is not None or where.shared_with is not None:
            return
        if where.finished_after is not None:
            condition = self._condition(with_priorities=False)
            statement = f"SELECT COUNT(*) FROM requests AS r{condition.text()}"
            width = self._sum(statement, condition.values)
        else:
            width = self._tally(self._states(), "bucket >= ?", 0)
        if width > most:
            raise WideListError(
                f"{width:,} requests would have to be looked through for this list, {most:,} may; "
                "narrow it by States, such as WAITING and IN PROGRESS, or leave the body out for "
                "what is unfinished or finished lately; sorted by id, and filtered by States or by "
                "Priorities alone, lists may be of any length"
            )

    def _cut_by_scan(self) -> tuple[list[int], int, int]:
        """Filter and sort by anything: one pass over the index counts, another cuts."""
        condition = self._condition()
        past, order = (">", "ASC") if self._up else ("<", "DESC")
        beyond, place = "COUNT(*)", ()
        page = ListCondition(list(condition.parts), list(condition.values))
        values: tuple[Value, ...] = place
        if self._border is not None:
            comparison = f"({self._key}, r.id) {past} (?, ?)"
            beyond = f"COUNT(*) FILTER (WHERE {comparison})"
            values = self._border
            page.add(comparison, *self._border)
        ((total, left),) = self._fetch(
            f"SELECT COUNT(*), {beyond} FROM requests AS r{condition.text()}",
            (*values, *condition.values),
        )
        ids = self._ids(
            f"SELECT r.id FROM requests AS r{page.text()}"
            f" ORDER BY {self._key} {order}, r.id {order} LIMIT ?",
            (*page.values, self._limit),
        )
        return ids, total, left

    def _cut_by_selector(self, text: str) -> tuple[list[int], int, int]:
        """Filter by what only decoding can tell: every row that the rest lets pass is looked at."""
        self._check_width(MOST_DECODED)
        selector, condition = parse(text), self._condition()
        order = "ASC" if self._up else "DESC"
        columns = ", ".join(f"r.{name}" for name in BriefRequest._fields)
        rows = self._fetch(
            f"SELECT {self._key}, {columns} FROM requests AS r{condition.text()}"
            f" ORDER BY {self._key} {order}, r.id {order}",
            condition.values,
        )
        briefs = ((place, BriefRequest(*columns)) for place, *columns in rows)
        found = [(place, brief.id) for place, brief in briefs if selector.matches(brief.values())]
        beyond = found
        if self._border is not None:
            border = self._border
            beyond = [place for place in found if (place > border if self._up else place < border)]
        return [number for _, number in beyond[: self._limit]], len(found), len(beyond)

    def _condition(self, *, with_priorities: bool = True) -> ListCondition:
        where, condition = self._where, ListCondition()
        priorities = where.priorities if with_priorities else None
        for numbers, column in ((where.ids, "r.id"), (priorities, "r.priority")):
            if numbers:
                known = [number for number in numbers if abs(number) <= LARGEST]
                member = self._dialect.member(column, "bigint")
                condition.add(member, self._dialect.members(known))
        states = self._states()
        if states is not None:
            member = self._dialect.member("r.state", "text")
            condition.add(member, self._dialect.members(states))
        if where.finished_after is not None:
            # Two indexes lead to these; a condition with OR would have every request looked at.
            condition.add(
                "r.id IN (SELECT id FROM requests WHERE state IN ('WAITING', 'IN PROGRESS')"
                " UNION SELECT id FROM requests WHERE finished > ?)",
                micros(where.finished_after),
            )
        if where.shared_with is not None:
            condition.add(f"r.{SHARED}")
            condition.add("r.shared LIKE ?", like_member(where.shared_with))
        return condition


def list_workers(
    records: Records, where: WorkerFilter, sorter: Sorter, paginator: Paginator
) -> Page[Worker]:
    """Return one page; workers are few enough to be filtered and sorted here."""
    item = sorter.item.lower()
    if item not in WORKER_SORTS:
        raise SortItemError
    records.driver.begin_reading()
    try:
        rows = _matching_workers(records, where)
        rows.sort(key=lambda row: _place(row, item))
        if sorter.order is SortOrder.DESCENDING:
            rows.reverse()
        backward = paginator.direction is ListDirection.BACKWARD
        if backward:
            rows.reverse()
        beyond = rows
        if paginator.border is not None:
            border = _place(_border_worker(records, paginator.border), item)
            up = (sorter.order is SortOrder.ASCENDING) is not backward
            beyond = [
                row
                for row in rows
                if (_place(row, item) > border if up else _place(row, item) < border)
            ]
        page = [row.uuid for row in beyond[: paginator.limit or MAX_PAGE_LIMIT]]
        items = _load_workers(records, page)
        remaining = len(beyond) - len(items)
        return Page(items=items[::-1] if backward else items, total=len(rows), remaining=remaining)
    finally:
        records.driver.rollback()


NARROWING = 16
"""Capabilities that the database looks for: SQLite takes no condition of a thousand parts."""

BRIEF = f"SELECT {', '.join(BriefWorker._fields)} FROM workers"


def _border_worker(records: Records, border: int | str) -> BriefWorker:
    uuid = str(border)
    found = None
    if storable(uuid):
        found = records.one(BriefWorker._make, f"{BRIEF} WHERE uuid = ?", uuid)
    if found is None:
        raise WorkerNotFoundError("worker not found")
    return found


def _place(worker: BriefWorker, item: str) -> tuple[object, str]:
    match item:
        case "name":
            return worker.name, worker.uuid
        case "state":
            return worker.state, worker.uuid
        case "groups":
            return texts(worker.groups), worker.uuid
        case _:
            return worker.uuid, worker.uuid


def _matching_workers(records: Records, where: WorkerFilter) -> list[BriefWorker]:
    dialect = records.statements.dialect
    condition = ListCondition()
    if where.states:
        known = [state.value for state in WorkerState if state.value in where.states]
        condition.add(dialect.member("state", "text"), dialect.members(known))
    caps = dict(where.caps or {})
    for key, value in islice(caps.items(), NARROWING):
        if key == NAME_CAPABILITY:
            continue
        # The text of a pair only narrows the search: decoding decides.
        pair = pair_text(key, value)
        told = f"({dialect.contains('caps')} OR {dialect.contains('labels')})"
        condition.add(told, pair, pair)
    found = records.driver.fetch(f"{BRIEF}{condition.text()}", condition.values)
    rows = list(map(BriefWorker._make, found))
    if caps:
        rows = [row for row in rows if caps.items() <= row.matched().items()]
    if where.groups:
        wanted = frozenset(where.groups)
        rows = [row for row in rows if not wanted.isdisjoint(texts(row.groups))]
    if where.selector is not None:
        selector = parse(where.selector)
        rows = [row for row in rows if selector.matches(row.values())]
    return rows


def _load_workers(records: Records, uuids: Sequence[str]) -> tuple[Worker, ...]:
    """Read workers in this order, as many as one page may hold."""
    statements = records.statements
    items: list[Worker] = []
    left = PAGE_SIZE
    for first in range(0, len(uuids), READ_TOGETHER):
        part = uuids[first : first + READ_TOGETHER]
        rows = records.driver.fetch(statements.workers_by_uuid, (statements.dialect.members(part),))
        found = {worker.uuid: (worker, row) for row in rows for worker in (WORKER.record(row),)}
        for worker, row in (found[uuid] for uuid in part):
            left -= WORKER_SIZE + sum(size_of(text) for text in row if isinstance(text, str))
            if left < 0 and items:
                return tuple(items)
            items.append(worker)
    return tuple(items)
