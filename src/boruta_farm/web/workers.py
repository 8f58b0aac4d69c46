"""Calls on workers, each named by its UUID or its name."""

import re
from functools import partial
from operator import attrgetter

from boruta_farm.contracts import Workers
from boruta_farm.model.answers import Orphaned
from boruta_farm.model.errors import ForbiddenStateError, WorkerNotFoundError
from boruta_farm.model.worker import Worker, WorkerChange, WorkerState
from boruta_farm.web.answers import told, write
from boruta_farm.web.bodies import Reader, StateBody, WorkerListBody
from boruta_farm.web.calls import JSON_TYPE, NO_CONTENT, Answer, Call, Stream
from boruta_farm.web.errors import (
    MalformedBodyError,
    MissingBodyError,
    ParameterError,
    WorkerIdError,
)
from boruta_farm.web.lists import Lister, paginator, sorter, worker_filter
from boruta_farm.web.shapes import body, recorder

WORKER_LIST = Reader(WorkerListBody, former={"Groups": list[str], "Capabilities": dict[str, str]})
STATE_BODY = Reader(StateBody)
GROUPS_BODY = Reader(list[str])
NAME_BODY = Reader(str)
DESCRIPTION_BODY = Reader(body(WorkerChange), strict=True)
WORKER_CHANGE = recorder(WorkerChange)
LABELS = Reader(dict[str, str])

LISTER: Lister[Worker] = Lister(noun="workers", key="uuid", border=attrgetter("uuid"), write=told)

_STATE = b"boruta-worker-state"
_EMPTY = StateBody()
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class WorkerCalls:
    """Answer the calls below ``workers/``."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    async def list(self, call: Call) -> Answer | Stream:
        """List workers, all or those that match."""
        sent = WORKER_LIST.read(call.body) if call.body else None
        where = worker_filter(sent)
        by = None if sent is None else sorter(sent.sorter, "uuid")
        wanted = None if sent is None else paginator(sent.paginator)
        page = await self._workers.list_workers(call.caller, where, by, wanted)
        return LISTER.narrowed(call, write).answer(
            page, by, wanted, partial(self._workers.list_workers, call.caller, where, by)
        )

    async def get(self, call: Call) -> Answer:
        """Show a worker."""
        name = await self._named(call)
        worker = await self._workers.get_worker_info(call.caller, name)
        headers = (JSON_TYPE, (_STATE, worker.state.encode()))
        return Answer(status=200, headers=headers, body=told(worker))

    async def set_state(self, call: Call) -> Answer:
        """Send a worker to IDLE or MAINTENANCE; 204, since no known client can read a 202."""
        name = await self._named(call)
        sent = STATE_BODY.read(call.body) or _EMPTY
        try:
            state = WorkerState((sent.worker_state or "").upper())
        except ValueError as error:
            raise ForbiddenStateError from error
        await self._workers.set_state(
            call.caller,
            name,
            state,
            reason=sent.reason or None,
            after_job=bool(sent.after_job),
        )
        return NO_CONTENT

    async def set_groups(self, call: Call) -> Answer:
        """Replace a worker's groups."""
        name = await self._named(call)
        groups = GROUPS_BODY.read(call.body) or []
        await self._workers.set_groups(call.caller, name, tuple(sorted(set(groups))))
        return NO_CONTENT

    async def set_name(self, call: Call) -> Answer:
        """Give a worker another name."""
        name = await self._named(call)
        await self._workers.set_name(call.caller, name, NAME_BODY.read(call.body) or "")
        return NO_CONTENT

    async def describe(self, call: Call) -> Answer:
        """Set a worker's labels, notes or photo."""
        name = await self._named(call)
        change = WORKER_CHANGE(DESCRIPTION_BODY.read(call.body))
        await self._workers.describe(call.caller, name, change)
        return NO_CONTENT

    async def revoke_agent(self, call: Call) -> Answer:
        """Take the credential of a worker's agent away."""
        name = await self._named(call)
        await self._workers.revoke_agent(call.caller, name)
        return NO_CONTENT

    async def deregister(self, call: Call) -> Answer:
        """Remove a worker."""
        name = await self._named(call)
        await self._workers.deregister(call.caller, name)
        return NO_CONTENT

    async def orphans(self, call: Call) -> Answer:
        """Count the requests that would lose their last worker.

        With ``groups`` (comma separated, may be empty) or ``labels`` (JSON) by giving it these,
        without by deregistering it.
        """
        given = call.query("groups")
        groups: tuple[str, ...] | None = None
        if given:
            groups = tuple(sorted({group for line in given for group in line.split(",") if group}))
        name = await self._named(call)
        count = await self._workers.count_orphans(call.caller, name, groups, _labels(call))
        return Answer(status=200, headers=(JSON_TYPE,), body=told(Orphaned(count=count)))

    async def _named(self, call: Call) -> str:
        """Return the worker's UUID or name in a path, looked at before the body as in the original.

        Raises WorkerIdError for what is neither a UUID nor known.
        """
        name = call.parameter
        if not name.isprintable():
            raise WorkerIdError
        if not _UUID.fullmatch(name):
            try:
                await self._workers.get_worker_info(call.caller, name)
            except WorkerNotFoundError as error:
                raise WorkerIdError from error
        return name


def _labels(call: Call) -> dict[str, str] | None:
    given = call.query("labels")
    try:
        return LABELS.read(given[0].encode()) if given else None
    except (MalformedBodyError, MissingBodyError) as error:
        raise ParameterError("labels is no JSON object of texts") from error
