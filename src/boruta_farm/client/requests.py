"""The contract Requests over HTTP.

Who calls is decided by the token, so the ``caller`` of each call is only a part of the contract.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from boruta_farm.client.channel import Answer, Channel
from boruta_farm.client.lists import following, joined, list_body, page_of
from boruta_farm.client.wire import body, read, read_access, read_request, read_requests
from boruta_farm.contracts import Explanation, Filed
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import InvalidError, RequestNotFoundError, WorkerNotAssignedError
from boruta_farm.model.listing import Page, Paginator, RequestFilter, Sorter
from boruta_farm.model.request import MoreTime, NewRequest, Request, RequestUpdate
from boruta_farm.model.worker import AccessInfo

LONGEST_WAIT = timedelta(seconds=300)


class HttpRequests:
    """File, change, show and end requests on a server."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def new_request(self, caller: Caller, new: NewRequest) -> Filed:
        """File a request and return what the server answers."""
        headers = {} if new.idempotency_key is None else {"Idempotency-Key": new.idempotency_key}
        answer = await self._channel.post("reqs/", body(new), headers)
        return read(Filed, answer.body)

    async def close_request(self, caller: Caller, request_id: int) -> None:
        """Cancel a waiting request or finish a running one."""
        await self._act(request_id, "close")

    async def update_request(self, caller: Caller, request_id: int, update: RequestUpdate) -> None:
        """Change a waiting request."""
        await self._channel.post(_path(request_id), body(update))

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
        }
        answer = await self._channel.post("reqs/list", list_body(fields, sorter, paginator))
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
        """Move the job's end and return it."""
        await self._channel.post(
            f"{_path(request_id)}/prolong", None if more is None else body(more)
        )
        request = await self.get_request_info(caller, request_id)
        if request.job is None:
            raise WorkerNotAssignedError
        return request.job.timeout

    async def keep_alive(self, caller: Caller, request_id: int) -> None:
        """Renew a request's KeepAlive."""
        await self._act(request_id, "keepalive")

    async def explain(self, caller: Caller, request_id: int, *, brief: bool = False) -> Explanation:
        """Tell where a request stands in the queue."""
        query = {"brief": "1"} if brief else {}
        answer = await self._channel.get(f"{_path(request_id)}/explain", query)
        return read(Explanation, answer.body)

    async def _act(
        self,
        request_id: int,
        action: str,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Answer:
        path = f"{_path(request_id)}/{action}"
        return await self._channel.post(path, None, headers or {}, patience)


def _path(request_id: int) -> str:
    if request_id < 0:
        raise RequestNotFoundError
    return f"reqs/{request_id}"
