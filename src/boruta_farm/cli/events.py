"""``boruta events``: what happens in the farm, as it happens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from boruta_farm.cli.console import clean, local_times, run, say
from boruta_farm.cli.options import ColumnsOption, Output, OutputOption, output_of
from boruta_farm.cli.selection import one_worker
from boruta_farm.cli.tables import as_json, chosen, places_of
from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Lost, Resync
from boruta_farm.model.events import Event

HEADERS = ("Number", "At", "Kind", "Request", "Worker", "State", "Reason")


def events(
    context: typer.Context,
    request_id: Annotated[
        int | None, typer.Option("--request", metavar="ID", help="Only of this request.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option("--worker", metavar="WORKER", help="Only of this worker.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="NUMBER", help="Also what came after this event.", min=0),
    ] = None,
    columns: ColumnsOption = None,
    output: OutputOption = None,
) -> None:
    """Follow what happens until Ctrl-C, across restarts of the server."""
    form, places = output_of(context, output), places_of(HEADERS, columns)

    async def work(farm: Farm) -> None:
        uuid = None if worker is None else (await one_worker(farm, worker)).uuid
        if request_id is not None and after is None:
            # One that never was would be followed for ever, in silence.
            await farm.requests.get_request_info(farm.caller, request_id)
        names = WorkerNames(farm)
        async with farm.watch(request_id=request_id, worker=uuid, after=after) as happenings:
            async for happening in happenings:
                match happening:
                    case Event():
                        line = await _line(happening, names, form, farm.now(), places)
                        print(line, flush=True)
                    case Lost():
                        say(f"boruta: {happening.reason}; trying again")
                    case Resync() if happening.gap:
                        say(f"boruta: events were missed: {happening.reason or 'no number'}")

    run(context, work, "" if request_id is None else f"request {request_id}")


class WorkerNames:
    """Know workers by name; asks the server again when a new one comes."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._names: dict[str, str] = {}

    async def of(self, uuid: str) -> str:
        """Return a worker's name, or its UUID when it is gone."""
        if uuid not in self._names:
            page = await self._farm.workers.list_workers(self._farm.caller)
            self._names = {uuid: uuid} | {worker.uuid: worker.name for worker in page.items}
        return self._names[uuid]


async def _line(
    event: Event, names: WorkerNames, form: Output, now: datetime, places: Sequence[int] | None
) -> str:
    if form is Output.IDS:
        return str(event.number)
    if form is not Output.TABLE:
        return as_json(event)
    cells = (
        str(event.number),
        local_times(now).second(event.at),
        event.kind.value,
        "" if event.request_id is None else str(event.request_id),
        "" if event.worker is None else await names.of(event.worker),
        event.state or "",
        event.reason or "",
    )
    if places is not None:
        return chosen(cells, places)
    _, at, kind, request, worker, state, reason = cells
    request = request and f"request {request}"
    reason = reason and f"({reason})"
    parts = (at, f"{kind:<20}", request, worker, state, reason)
    return clean("  ".join(part for part in parts if part))
