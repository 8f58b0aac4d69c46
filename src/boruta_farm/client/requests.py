"""The contract Requests over HTTP.

Who calls is decided by the token, so the ``caller`` of each call is only a part of the contract.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from boruta_farm.client.channel import Channel, GoodAnswer
from boruta_farm.client.failures import is_original, unheeded
from boruta_farm.client.lists import following, joined, list_body, page_of
from boruta_farm.client.wire import body, read, read_access, read_all, read_request, read_requests
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    InvalidError,
    RequestNotFoundError,
    RouteNotFoundError,
    WorkerNotAssignedError,
)
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter
from boruta_farm.model.request import (
    BoardAct,
    MoreTime,
    NewRequest,
    OpenSessions,
    Request,
    RequestUpdate,
    Sharing,
)
from boruta_farm.model.worker import AccessInfo

if TYPE_CHECKING:
    from boruta_farm.model.explanation import Explanation, Filed

LONGEST_WAIT = timedelta(seconds=300)
KEYS_WITHIN = 5.0
"""Seconds for which a server waits for a board to take keys."""

KEY_OF_OURS = "Created"
LENGTHS = "length of a job but its own"


class HttpRequests:
    """File, change, show and end requests on a server."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def new_request(self, caller: Caller, new: NewRequest) -> "Filed":
        """File a request and return what the server answers.

        A server of the original would lend any board where a selector asks for some, or for an hour
        where a length is told, and an older one of ours a board that is not flashed: then the
        request is closed and RouteNotFoundError raised.
        """
        headers = {} if new.idempotency_key is None else {"Idempotency-Key": new.idempotency_key}
        answer = await self._channel.post("reqs/", body(new), headers)
        from boruta_farm.model.explanation import Filed

        filed = read(Filed, answer.body)
        ignored = {
            "selectors": new.selector,
            "keys of one's own": new.ssh_key,
            LENGTHS: new.length,
        }
        wished = [what for what, wish in ignored.items() if wish]
        if filed.outlook is None and wished:
            await self.close_request(caller, filed.id)
            raise unheeded(wished[0])
        if new.image or new.boot_until:
            known = await self.get_request_info(caller, filed.id)
            if known.readiness is None:
                await self.close_request(caller, filed.id)
                raise RouteNotFoundError(
                    "this server is older and makes no board ready; update it, or flash the board "
                    "when it is lent: boruta flash"
                )
        return filed

    async def close_request(self, caller: Caller, request_id: int) -> None:
        """Cancel a waiting request or finish a running one."""
        await self._act(request_id, "close")

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        """Change a waiting request. Raises RouteNotFoundError for what the original ignores."""
        wished = (update.caps, update.selector, update.ssh_key, update.keep_alive, update.length)
        if any(wish is not None for wish in wished):
            await self._check_heeded(request_id, "change of what a request asks for")
        await self._channel.post(_path(request_id), body(update))

    async def _check_heeded(self, request_id: int, what: str) -> None:
        present = await self._channel.get(_path(request_id))
        if is_original(present.body, KEY_OF_OURS):
            raise unheeded(what)

    async def get_request_info(self, caller: Caller, request_id: int) -> Request:
        """Return one request."""
        return read_request((await self._channel.get(_path(request_id))).body)

    async def list_requests(
        self,
        caller: Caller,
        where: RequestFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Request]:
        """Return one page of the requests that match.

        Raises InvalidError for ``finished_after``, which the API does not offer.
        """
        where = where or RequestFilter()
        if where.finished_after is not None:
            raise InvalidError("the API cannot list by 'finished_after'; filter the answer instead")
        fields = {
            "IDs": where.ids,
            "Priorities": where.priorities,
            "States": where.states,
            "Selector": where.selector,
            "Shared": where.shared_with is not None,
        }
        answer = await self._channel.post("reqs/list", list_body(fields, sorter, paginator))
        if where.selector and is_original(answer.body, KEY_OF_OURS):
            raise unheeded("selectors")
        page = page_of(answer, read_requests(answer.body))
        while paginator is not None and (after := following(paginator, page)) is not None:
            answer = await self._channel.post("reqs/list", list_body(fields, sorter, after))
            more = page_of(answer, read_requests(answer.body))
            if not more.items:
                break
            page = joined(paginator, page, more)
        return page

    async def acquire_worker(
        self, caller: Caller, request_id: int, wait: timedelta | None = None
    ) -> AccessInfo:
        """Return how to reach the board, after waiting for it when asked to."""
        seconds = 0
        headers: dict[str, str] = {}
        if wait is not None:
            seconds = math.ceil(min(wait, LONGEST_WAIT).total_seconds())
            headers["Prefer"] = f"wait={seconds}"
        answer = await self._act(request_id, "acquire_worker", headers, seconds)
        return read_access(answer.body, self._channel.host)

    async def prolong_access(
        self, caller: Caller, request_id: int, more: MoreTime | None = None
    ) -> datetime:
        """Move the job's end and return it.

        Raises RouteNotFoundError for a length or an end that the original ignores.
        """
        if more is not None and more != MoreTime():
            await self._check_heeded(request_id, LENGTHS)
        await self._channel.post(
            f"{_path(request_id)}/prolong", None if more is None else body(more)
        )
        request = await self.get_request_info(caller, request_id)
        if request.job is None:
            raise WorkerNotAssignedError
        return request.job.timeout

    async def share_request(
        self, caller: Caller, request_id: int, account: str | None = None
    ) -> Request:
        """Let an account's own SSH keys open the session of a request."""
        return await self._share(request_id, "share", Sharing(account=account))

    async def unshare_request(
        self,
        caller: Caller,
        request_id: int,
        account: str | None = None,
        *,
        keep_sessions: bool = False,
    ) -> Request:
        """Take an account's keys off the session of a request."""
        wish = Sharing(account=account, keep_sessions=keep_sessions)
        return await self._share(request_id, "unshare", wish)

    async def list_sessions(self, caller: Caller, request_id: int) -> tuple[OpenSessions, ...]:
        """Tell who is on the board of a running request."""
        answer = await self._channel.get(f"{_path(request_id)}/sessions")
        return read_all(OpenSessions, answer.body)

    async def nudge(self, caller: Caller, request_id: int) -> None:
        """Ask the holder of a board whether he still needs it."""
        await self._act(request_id, "nudge")

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive."""
        await self._act(request_id, "keepalive")

    async def note_act(self, caller: Caller, request_id: int, act: str) -> None:
        """Enter into the audit what is about to be done on the board of a running request."""
        await self._channel.post(f"{_path(request_id)}/acts", body(BoardAct(act=act)))

    async def explain(
        self, caller: Caller, request_id: int, *, brief: bool = False
    ) -> "Explanation":
        """Tell where a request stands in the queue."""
        query = {"brief": "1"} if brief else {}
        answer = await self._channel.get(f"{_path(request_id)}/explain", query)
        from boruta_farm.model.explanation import Explanation

        return read(Explanation, answer.body)

    async def _share(self, request_id: int, action: str, wish: Sharing) -> Request:
        answer = await self._channel.post(
            f"{_path(request_id)}/{action}", body(wish), patience=KEYS_WITHIN
        )
        return read_request(answer.body)

    async def _act(
        self,
        request_id: int,
        action: str,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> GoodAnswer:
        path = f"{_path(request_id)}/{action}"
        return await self._channel.post(path, None, headers or {}, patience)


def _path(request_id: int) -> str:
    if request_id < 0:
        raise RequestNotFoundError
    return f"reqs/{request_id}"
