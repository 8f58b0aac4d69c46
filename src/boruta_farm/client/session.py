"""Borrow a board: file, wait, hold, close."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from boruta_farm.client import config as configuration
from boruta_farm.client.blocking import both_ways
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.context import ci_context
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.lease import Lease, Say, hold
from boruta_farm.client.waiting import Report, Turn
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.client.ways import find_way
from boruta_farm.model.errors import (
    BorutaError,
    NotFoundError,
    OutcomeUnknownError,
    RequestStateError,
    StartingError,
    UnavailableError,
    WantError,
)
from boruta_farm.model.explanation import Filed
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.model.via import Via
from boruta_farm.selectors.want import parse
from boruta_farm.words.standing import sentence
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

NO_CAPS: Mapping[str, str] = MappingProxyType({})
DEFAULT_PRIORITY = 8
DEFAULT_KEEP_ALIVE = 120
ATTEMPTS = 5
PAUSE = 0.5
CLOSE_WITHIN = 10.0
STARTS_WITHIN = 30
"""Seconds for which a farm that has just started is asked again."""


class NotStartedError(BorutaError):
    """the request ended before a board was free"""

    code = "not-started"

    def __init__(
        self,
        message: str | None = None,
        *,
        standing: Standing | None = None,
        state: RequestState | None = None,
        unready: bool = False,
    ) -> None:
        super().__init__(message, standing=standing)
        self.state = state
        """How the request ended; None where only the time to wait was over."""
        self.unready = unready
        """Whether it failed since a board could not be flashed or booted for it."""


class LeftError(Exception):
    """Somebody wished that a request be left as it is: nothing failed, and nothing is closed."""

    def __init__(self, message: str, *, status: int = 130) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        """What a command ends with that leaves it."""


async def file_request(farm: Farm, new: NewRequest) -> Filed:
    """File a request exactly once, also when connections break on the way.

    A farm that is still reading its queue cannot tell yet whether a board could serve a strict
    request: it is asked again for a while. Where no ``context`` is given, it is that of the CI job
    that runs us. Raises what ``new_request`` raises;
    OutcomeUnknownError only after several attempts.
    """
    new = replace(
        new,
        idempotency_key=new.idempotency_key or uuid.uuid4().hex,
        context=new.context or ci_context(os.environ) or None,
    )
    for _ in range(STARTS_WITHIN):
        try:
            return await _file(farm, new)
        except StartingError:
            await asyncio.sleep(1)
    return await _file(farm, new)


async def _file(farm: Farm, new: NewRequest) -> Filed:
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE * attempt)
        try:
            return await farm.requests.new_request(farm.caller, new)
        except OutcomeUnknownError:
            log.debug("filing broke off, attempt %d", attempt + 1)
        except UnavailableError:
            # Once an attempt may have reached the server, giving up would leave its request.
            if not attempt:
                raise
    return await farm.requests.new_request(farm.caller, new)


async def close_request(farm: Farm, request_id: int) -> str | None:
    """Close a request, patiently; return None, or in words why it may still be open."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            for attempt in range(ATTEMPTS):
                if attempt:
                    await asyncio.sleep(PAUSE * attempt)
                try:
                    await farm.requests.close_request(farm.caller, request_id)
                    return None
                except (RequestStateError, NotFoundError):
                    return None
                except UnavailableError as error:
                    reason = error.message
    except TimeoutError:
        reason = "the server did not answer in time"
    except BorutaError as error:
        reason = error.message
    return f"request {request_id} may still be open ({reason}); try: boruta close {request_id}"


@asynccontextmanager
async def filed(
    farm: Farm,
    new: NewRequest,
    say: Say = log.warning,
    *,
    closed: Say = log.debug,
    lasting: bool = False,
) -> AsyncIterator[Filed]:
    """File a request for the block and close it at the end, whatever the end is.

    A ``lasting`` one is closed only when the block is left by an error or cancelled; none is where
    LeftError is raised in it. ``say``
    gets a line when it may still be open, ``closed`` when an error or signal closed it.
    """
    filing = asyncio.create_task(file_request(farm, new))
    try:
        answer = await asyncio.shield(filing)
    except asyncio.CancelledError:
        # The call may be at the server already: learn the id, or nobody could close it.
        if not filing.cancelled():
            await _close_late(farm, filing, say, closed)
        raise
    try:
        yield answer
    except LeftError:
        raise
    except BaseException:
        await _close_telling(farm, answer.id, say, closed)
        raise
    if not lasting:
        await _close_telling(farm, answer.id, say, log.debug)


async def _close_telling(farm: Farm, request_id: int, say: Say, closed: Say) -> None:
    trouble = await close_request(farm, request_id)
    if trouble is None:
        closed(f"request {request_id} is closed: it neither waits nor holds a board")
    else:
        say(trouble)


async def _close_late(farm: Farm, filing: asyncio.Task[Filed], say: Say, closed: Say) -> None:
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            request_id = (await filing).id
    except (TimeoutError, BorutaError) as error:
        say(f"it is unknown whether a request was filed ({error}); see: boruta ls")
        return
    await _close_telling(farm, request_id, say, closed)


async def wait_for_board(
    farm: Farm,
    request_id: int,
    wait: timedelta | None = None,
    report: Report | None = None,
    *,
    stays: bool = False,
    zone: tzinfo | None = None,
) -> Request:
    """Return the request once it is IN PROGRESS.

    Raises NotStartedError when it ended instead, or did not start within ``wait``; its words
    tell what becomes of a request that ``stays`` in the queue, with moments in ``zone``: None is
    that of this machine.
    """
    try:
        async with asyncio.timeout(None if wait is None else wait.total_seconds()):
            request = await Turn(farm, request_id, report).come()
    except TimeoutError:
        told = f"request {request_id} had no board within the time to wait"
        if stays:
            told += f"; it stays in the queue; to cancel it: boruta close {request_id}"
        raise NotStartedError(told) from None
    if request.state is not RequestState.IN_PROGRESS:
        ended = Standing(
            subject=Subject.REQUEST,
            state=request.state.value,
            since=request.finished,
            reason=request.reason,
        )
        told = sentence(ended, Times(now=farm.now(), zone=zone))
        unready = request.job is not None and request.job.progress is not None
        raise NotStartedError(f"request {request_id}: {told}", state=request.state, unready=unready)
    return request


@both_ways
@asynccontextmanager
async def borrow(
    caps: Mapping[str, str] | str = NO_CAPS,
    *,
    server: str | None = None,
    selector: str | None = None,
    config: ClientConfig | None = None,
    priority: int = DEFAULT_PRIORITY,
    wait: timedelta | None = None,
    valid_after: datetime | None = None,
    deadline: datetime | None = None,
    ssh_key: str | None = None,
    keep_alive: int | None = DEFAULT_KEEP_ALIVE,
    length: timedelta | None = None,
    image: str | None = None,
    storage: str | None = None,
    boot_until: str | None = None,
    queue: bool = False,
    via: Via | str = Via.AUTO,
    report: Report | None = None,
    say: Say = log.warning,
) -> AsyncIterator[Lease]:
    """Lend a board with ``caps`` that meets ``selector`` for a ``with`` or ``async with`` block.

    A text in place of capabilities says which board, as people type it: ``"lab-rpi4"``, ``"rpi4"``,
    ``"board=rpi4+ram.ge.4"``, ``"any"``.
    Files a request, waits for its turn (at most ``wait``), keeps the job alive and prolonged,
    and closes it at the end. A job whose ``length`` is given lasts that long and is not prolonged
    by itself. With ``image`` (a web address, ``#sha256=...`` may follow) and ``boot_until`` (a
    pattern) the board is flashed and booted first. ``via`` says how ssh gets there: by the board's
    own port (``"tunnel"``), the farm's front door (``"door"``), the server's own port
    (``"https"``), or by what is found to work (``"auto"``). ``server`` or ``config`` default to
    environment and profile file.
    A client that dies frees the board ``keep_alive`` seconds later. With the caller's public
    ``ssh_key`` the access has no private key. What no registered board could serve raises
    UnmetDemandError, unless ``queue`` is set. Raises NotStartedError, the errors of
    ``Requests.new_request``, UnavailableError, ConfigError, and where a text says which board
    WantError, WorkerNotFoundError and AmbiguousWorkerError.
    """
    way = Via(via)
    want = parse(caps) if isinstance(caps, str) else None
    if want is not None and want.request is not None:
        raise WantError(f"{caps!r} names a request; say which board is to be borrowed")
    new = NewRequest(
        caps=dict(caps) if not isinstance(caps, str) else {},
        selector=selector,
        priority=priority,
        valid_after=valid_after,
        deadline=deadline,
        ssh_key=ssh_key,
        keep_alive=keep_alive,
        length=length,
        image=image,
        storage=storage,
        boot_until=boot_until,
        strict=not queue,
    )
    config = config or configuration.load(server=server)
    async with connect(config) as farm:
        if want is not None:
            new = asking(new, await wanted_here(farm, want))
        async with lend(farm, new, wait, report, say, way) as lease:
            yield lease


@asynccontextmanager
async def lend(
    farm: Farm,
    new: NewRequest,
    wait: timedelta | None = None,
    report: Report | None = None,
    say: Say = log.warning,
    via: Via = Via.AUTO,
) -> AsyncIterator[Lease]:
    """Do what ``borrow`` does over a connection that is there already."""
    async with filed(farm, new, say) as answer:
        request = await wait_for_board(farm, answer.id, wait, report)
        access = await farm.requests.acquire_worker(farm.caller, answer.id)
        way = await find_way(farm, answer.id, access, via)
        async with hold(farm, request, access, say, way=way) as lease:
            yield lease
