"""``boruta history``: what was lent to whom, for how long, and how it ended."""

from typing import Annotated

import typer

from boruta_farm.cli.completion import worker_names
from boruta_farm.cli.console import local_times, pointing_at, run, say
from boruta_farm.cli.options import (
    ColumnsOption,
    OutputOption,
    SelectorOption,
    output_of,
    read_limit,
)
from boruta_farm.cli.requests import StateOption, worker_names_of
from boruta_farm.cli.selection import one_worker
from boruta_farm.cli.tables import Listing, print_listing
from boruta_farm.client.farm import Farm
from boruta_farm.model.listing import RequestFilter, Sorter, SortOrder
from boruta_farm.model.request import Request
from boruta_farm.words.durations import rough
from boruta_farm.words.request import origin, removed_words, wanted_text

FEW = 50
"""So many are shown unless more are asked for: a farm's history is long."""


def history(
    context: typer.Context,
    worker: Annotated[
        str | None,
        typer.Argument(
            metavar="[WORKER]", autocompletion=worker_names, help="Only what this board was lent."
        ),
    ] = None,
    selector: SelectorOption = None,
    states: StateOption = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="Show the last N.", min=1, max=65535)
    ] = FEW,
    columns: ColumnsOption = None,
    output: OutputOption = None,
) -> None:
    """List what was lent to whom, how long, and how it ended; the newest first.

    Requests that never had a board are left out: see 'boruta ls --all'. -s looks at what requests
    ask for, and at id, priority, owner, state and worker (a UUID): -s 'owner = ann'.
    """

    async def work(farm: Farm) -> Listing:
        lent = "worker" if worker is None else f"worker={(await one_worker(farm, worker)).uuid}"
        page = await farm.requests.list_requests(
            farm.caller,
            RequestFilter(
                states=tuple(states) if states else None,
                # Ours stands behind, so that a complaint's column is that of what was typed.
                selector=lent if selector is None else f"{selector}, {lent}",
            ),
            Sorter(order=SortOrder.DESCENDING),
            read_limit(limit),
        )
        if page.remaining:
            say(f"boruta: {page.remaining} older ones are not shown; choose with --limit")
        if words := removed_words(page.removed):
            say(f"boruta: {words}")
        return await _listing(farm, page.items)

    with pointing_at(selector):
        listing = run(context, work)
    print_listing(listing, output_of(context, output), columns)


async def _listing(farm: Farm, requests: tuple[Request, ...]) -> Listing:
    names = await worker_names_of(farm, requests)
    times = local_times(farm.now())
    rows = []
    for request in requests:
        assert request.job is not None
        granted = request.job.granted
        lasted = rough((request.finished or farm.now()) - granted)
        rows.append(
            (
                str(request.id),
                request.owner_name or "",
                names.get(request.job.worker, request.job.worker),
                times.moment(granted),
                lasted if request.finished is not None else f"{lasted} so far",
                request.state.value,
                request.reason or "",
                wanted_text(request, names),
                origin(request),
            )
        )
    return Listing(
        none="nothing was lent that fits",
        headers=("ID", "Owner", "Worker", "Lent", "Lasted", "State", "Reason", "Wants", "From"),
        spare=("From", "Wants", "Reason", "Owner"),
        seldom=("From",),
        rows=rows,
        records=requests,
        ids=[str(request.id) for request in requests],
    )
