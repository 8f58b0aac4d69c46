"""Calls on requests."""

import asyncio
import hashlib
import logging
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any

from starlette.types import Scope

from boruta_farm.clock import Clock
from boruta_farm.contracts import Requests
from boruta_farm.model.addresses import parse_ip
from boruta_farm.model.errors import RequestIdMismatchError, RequestNotFoundError
from boruta_farm.model.request import (
    BoardAct,
    MoreTime,
    NewRequest,
    Request,
    RequestState,
    RequestUpdate,
    Sharing,
)
from boruta_farm.model.worker import AccessInfo
from boruta_farm.web.answers import (
    access_answer,
    encode,
    explained,
    request_answer,
    told,
    warned,
    write,
)
from boruta_farm.web.bodies import Priority, Reader, RequestBody, RequestListBody
from boruta_farm.web.calls import JSON_TYPE, NO_CONTENT, Answer, Call, Header, Stream
from boruta_farm.web.errors import CallerGoneError, RequestIdError
from boruta_farm.web.headers import idempotency_key, wanted_wait
from boruta_farm.web.limits import disconnected
from boruta_farm.web.lists import (
    HIGHEST_ID,
    Lister,
    paginator,
    request_filter,
    sorter,
)
from boruta_farm.web.printed import Printed
from boruta_farm.web.shapes import body, lenient_body, recorder
from boruta_farm.web.times import format_seconds

log = logging.getLogger(__name__)

REQUEST_BODY: Reader[RequestBody] = Reader(lenient_body(RequestBody, NewRequest, priority=Priority))
NEW_REQUEST = recorder(NewRequest, go=True)
REQUEST_UPDATE = recorder(RequestUpdate)
MORE_TIME_BODY: Reader[Any] = Reader(body(MoreTime), strict=True)
MORE_TIME = recorder(MoreTime)
SHARING_BODY: Reader[Any] = Reader(body(Sharing), strict=True)
SHARING = recorder(Sharing)
ACT_BODY: Reader[Any] = Reader(body(BoardAct), strict=True)
ACT = recorder(BoardAct)
REQUEST_LIST = Reader(RequestListBody, former={"State": str, "Priority": str})

_JSON: tuple[Header, ...] = (JSON_TYPE,)
_SECRET: tuple[Header, ...] = (JSON_TYPE, (b"cache-control", b"no-store"))
_STATE = b"boruta-request-state"
_TIMEOUT = b"boruta-job-timeout"
_HIGHEST_GO_ID = 2**64 - 1


class RequestCalls:
    """Answer the calls below ``reqs/``."""

    def __init__(self, requests: Requests, clock: Clock, public_address: str | None) -> None:
        self._requests = requests
        self._clock = clock
        self._public_address = public_address
        self._printed = printed = Printed()
        self._lister: Lister[Request] = Lister(
            noun="requests", key="id", border=attrgetter("id"), write=printed.one
        )

    async def create(self, call: Call) -> Answer:
        """File a request; with an Idempotency-Key a repetition answers with the first id."""
        body = REQUEST_BODY.read(call.body)
        key = idempotency_key(call)
        body_hash = None if key is None else hashlib.sha256(call.body).hexdigest()
        filed = await self._requests.new_request(
            call.caller,
            NEW_REQUEST(body, idempotency_key=key, body_hash=body_hash),
        )
        filed = warned(filed, self._clock.now())
        if filed.warnings:
            log.debug("request %d waits: %s", filed.id, filed.warnings[0])
        return Answer(status=201, headers=_JSON, body=told(filed))

    async def get(self, call: Call) -> Answer:
        """Show a request."""
        request = await self._requests.get_request_info(call.caller, request_id_of(call))
        headers: tuple[Header, ...] = (JSON_TYPE, (_STATE, request.state.encode()))
        if request.state is RequestState.IN_PROGRESS and request.job is not None:
            headers += ((_TIMEOUT, format_seconds(request.job.timeout).encode()),)
        return Answer(status=200, headers=headers, body=self._printed.one(request))

    async def update(self, call: Call) -> Answer:
        """Change a waiting request."""
        request_id = request_id_of(call, absurd=0)
        body = REQUEST_BODY.read(call.body)
        if body is not None and body.id and body.id != int(call.parameter):
            raise RequestIdMismatchError
        update = REQUEST_UPDATE(body)
        await self._requests.update_request(call.caller, request_id, update)
        return NO_CONTENT

    async def close(self, call: Call) -> Answer:
        """Cancel a waiting request or finish a running one."""
        await self._requests.close_request(call.caller, request_id_of(call))
        return NO_CONTENT

    async def prolong(self, call: Call) -> Answer:
        """Give a running request more time."""
        body = MORE_TIME_BODY.read(call.body) if call.body else None
        more = None if body is None else MORE_TIME(body)
        await self._requests.prolong_access(call.caller, request_id_of(call), more)
        return NO_CONTENT

    async def share(self, call: Call) -> Answer:
        """Share a running or waiting request with an account."""
        wish = self._sharing(call)
        request = await self._requests.share_request(call.caller, request_id_of(call), wish.account)
        return Answer(status=200, headers=_JSON, body=self._printed.one(request))

    async def unshare(self, call: Call) -> Answer:
        """Share a request with an account no more."""
        wish = self._sharing(call)
        request = await self._requests.unshare_request(
            call.caller, request_id_of(call), wish.account, keep_sessions=wish.keep_sessions
        )
        return Answer(status=200, headers=_JSON, body=self._printed.one(request))

    async def sessions(self, call: Call) -> Answer:
        """Tell who is on the board of a running request."""
        found = await self._requests.list_sessions(call.caller, request_id_of(call))
        return Answer(status=200, headers=_JSON, body=encode([*map(write, found)]))

    def _sharing(self, call: Call) -> Sharing:
        return SHARING(SHARING_BODY.read(call.body) if call.body else None)

    async def nudge(self, call: Call) -> Answer:
        """Ask the holder of a board whether he still needs it."""
        await self._requests.nudge(call.caller, request_id_of(call))
        return NO_CONTENT

    async def keep_alive(self, call: Call) -> Answer:
        """Renew a request's KeepAlive."""
        await self._requests.keep_alive(call.caller, request_id_of(call))
        return NO_CONTENT

    async def note_act(self, call: Call) -> Answer:
        """Enter into the audit what is done on the board of a running request."""
        told = ACT(ACT_BODY.read(call.body))
        await self._requests.note_act(call.caller, request_id_of(call), told.act)
        return NO_CONTENT

    async def explain(self, call: Call) -> Answer:
        """Tell why a request waits."""
        request_id = request_id_of(call)
        brief = "1" in call.query("brief")
        found = await self._requests.explain(call.caller, request_id, brief=brief)
        return Answer(status=200, headers=_JSON, body=told(explained(found, self._clock.now())))

    async def acquire(self, call: Call) -> Answer:
        """Tell how to reach the board, after waiting for it when the caller prefers to."""
        request_id = request_id_of(call)
        wait = wanted_wait(call)
        headers = _SECRET
        if wait is None:
            access = await self._requests.acquire_worker(call.caller, request_id)
        else:
            access = await self._acquire_patiently(call, request_id, wait)
            applied = f"wait={wait // timedelta(seconds=1)}"
            headers += ((b"preference-applied", applied.encode()),)
        ip = access.ip or self._public_address or _local_address(call.scope) or ""
        return Answer(status=200, headers=headers, body=encode(access_answer(access, ip)))

    async def list(self, call: Call) -> Answer | Stream:
        """List requests; without a body what is unfinished or finished lately."""
        body = REQUEST_LIST.read(call.body) if call.body else None
        where = request_filter(body, self._clock.now(), call.caller)
        by = None if body is None else sorter(body.sorter, "id")
        wanted = None if body is None else paginator(body.paginator)
        page = await self._requests.list_requests(call.caller, where, by, wanted)
        lister = self._lister.narrowed(call, request_answer)
        return lister.answer(
            page, by, wanted, partial(self._requests.list_requests, call.caller, where, by)
        )

    async def _acquire_patiently(self, call: Call, request_id: int, wait: timedelta) -> AccessInfo:
        """Wait, but not longer than the caller does: nobody would close the prolonged job."""
        acquiring = asyncio.create_task(
            self._requests.acquire_worker(call.caller, request_id, wait)
        )
        leaving = asyncio.create_task(disconnected(call.receive))
        try:
            await asyncio.wait((acquiring, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not acquiring.done():
                raise CallerGoneError
            return await acquiring
        finally:
            acquiring.cancel()
            leaving.cancel()
            await asyncio.gather(acquiring, leaving, return_exceptions=True)


def request_id_of(call: Call, absurd: int | None = None) -> int:
    """Return the id in the path.

    Raises RequestIdError for anything but digits, RequestNotFoundError for more than a database
    holds (or returns ``absurd`` in its place).
    """
    text = call.parameter
    if not (text.isascii() and text.isdigit() and len(text) <= 1000):
        raise RequestIdError
    number = int(text)
    if number > _HIGHEST_GO_ID:
        raise RequestIdError
    if number <= HIGHEST_ID:
        return number
    if absurd is None:
        raise RequestNotFoundError
    return absurd


def _local_address(scope: Scope) -> str | None:
    """Return the address at which the caller reached us, if it was one."""
    server = scope.get("server")
    if not server:
        return None
    ip = parse_ip(str(server[0]))
    return None if ip is None else str(ip)
