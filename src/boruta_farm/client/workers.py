"""The contract Workers over HTTP.

Who calls is decided by the token, so the ``caller`` of each call is only a part of the contract.
"""

import json
from collections.abc import Mapping
from urllib.parse import quote

from boruta_farm.client.channel import Channel
from boruta_farm.client.failures import is_original, unheeded
from boruta_farm.client.lists import list_body, page_of
from boruta_farm.client.wire import body, read, read_all
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import WorkerNotFoundError
from boruta_farm.model.listing import Page, Paginator, Sorter, WorkerFilter
from boruta_farm.model.worker import Worker, WorkerChange, WorkerState


class HttpWorkers:
    """Show and change workers on a server; ``worker`` is an exact UUID or name."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def list_workers(
        self,
        caller: Caller,
        where: WorkerFilter | None = None,
        sorter: Sorter | None = None,
        paginator: Paginator | None = None,
    ) -> Page[Worker]:
        """Return one page of the workers that match."""
        where = where or WorkerFilter()
        caps = None if where.caps is None else dict(where.caps)
        fields = {
            "Groups": where.groups,
            "Capabilities": caps,
            "States": where.states,
            "Selector": where.selector,
        }
        answer = await self._channel.post("workers/list", list_body(fields, sorter, paginator))
        if where.selector and is_original(answer.body, "Name"):
            raise unheeded("selectors")
        return page_of(answer, read_all(Worker, answer.body))

    async def get_worker_info(self, caller: Caller, worker: str) -> Worker:
        """Return one worker."""
        return read(Worker, (await self._channel.get(_path(worker))).body)

    async def set_state(
        self,
        caller: Caller,
        worker: str,
        state: WorkerState,
        reason: str | None = None,
        after_job: bool = False,
    ) -> None:
        """Send a worker to IDLE or MAINTENANCE."""
        wanted: dict[str, object] = {"WorkerState": state.value}
        if reason is not None:
            wanted["Reason"] = reason
        if after_job:
            wanted["AfterJob"] = True
        await self._channel.post(f"{_path(worker)}/setstate", wanted)

    async def set_groups(self, caller: Caller, worker: str, groups: tuple[str, ...]) -> None:
        """Replace a worker's groups."""
        await self._channel.post(f"{_path(worker)}/setgroups", list(groups))

    async def set_name(self, caller: Caller, worker: str, name: str) -> None:
        """Give a worker another name."""
        await self._channel.post(f"{_path(worker)}/setname", name)

    async def describe(self, caller: Caller, worker: str, change: WorkerChange) -> None:
        """Set a worker's labels, notes or photo."""
        await self._channel.post(f"{_path(worker)}/describe", body(change))

    async def revoke_agent(self, caller: Caller, worker: str) -> None:
        """Take the credential of a worker's agent away."""
        await self._channel.post(f"{_path(worker)}/revoke")

    async def deregister(self, caller: Caller, worker: str) -> None:
        """Remove a worker that is in MAINTENANCE or FAILED."""
        await self._channel.post(f"{_path(worker)}/deregister")

    async def count_orphans(
        self,
        caller: Caller,
        worker: str,
        groups: tuple[str, ...] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Count waiting requests that only this worker could serve."""
        query = {} if groups is None else {"groups": ",".join(groups)}
        if labels is not None:
            query["labels"] = json.dumps(dict(labels))
        answer = await self._channel.get(f"{_path(worker)}/orphans", query)
        from boruta_farm.model.answers import Orphaned

        return read(Orphaned, answer.body).count


def _path(worker: str) -> str:
    if not worker or worker in (".", ".."):
        raise WorkerNotFoundError
    return f"workers/{quote(worker, safe='')}"
