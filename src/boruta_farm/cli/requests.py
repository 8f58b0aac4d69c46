"""Verbs that list requests."""

from collections.abc import Mapping
from typing import Annotated

import typer

from boruta_farm.cli.console import local_times, pointing_at, run, say
from boruta_farm.cli.options import (
    ColumnsOption,
    LimitOption,
    OutputOption,
    SelectorArgument,
    SortOption,
    output_of,
    read_limit,
    read_sort,
)
from boruta_farm.cli.tables import Listing, print_listing
from boruta_farm.client.farm import Farm
from boruta_farm.model.listing import REQUEST_ITEMS, RequestFilter
from boruta_farm.model.request import UNFINISHED, Request, RequestState
from boruta_farm.model.worker import UUID_CAPABILITY
from boruta_farm.words.request import note, origin, removed_words, wanted_text

StateOption = Annotated[
    list[RequestState] | None,
    typer.Option("--state", case_sensitive=False, help="Only requests in this state; repeatable."),
]


def ls(
    context: typer.Context,
    selector: SelectorArgument = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also finished requests.")
    ] = False,
    states: StateOption = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Only those that others share with you.")
    ] = False,
    sort: SortOption = None,
    limit: LimitOption = None,
    columns: ColumnsOption = None,
    output: OutputOption = None,
) -> None:
    """List requests, by default those that wait or run.

    Sort by id, priority, deadline, validafter or state.
    """
    sorter = read_sort(sort, REQUEST_ITEMS)
    chosen = tuple(states) if states else None if everything else UNFINISHED

    async def work(farm: Farm) -> Listing:
        page = await farm.requests.list_requests(
            farm.caller,
            RequestFilter(
                states=chosen,
                selector=selector,
                shared_with=farm.caller.id if shared else None,
            ),
            sorter,
            read_limit(limit),
        )
        if page.remaining and limit is None:
            say(f"boruta: {page.remaining} more are not shown; choose with --state")
        if chosen != UNFINISHED and (words := removed_words(page.removed)):
            say(f"boruta: {words}")
        none = "no request is like that"
        if chosen == UNFINISHED and selector is None and not shared:
            none = "no request waits or runs; finished ones: boruta ls --all"
        return request_listing(farm, page.items, await worker_names_of(farm, page.items), none)

    with pointing_at(selector):
        listing = run(context, work)
    print_listing(listing, output_of(context, output), columns)


async def worker_names_of(farm: Farm, requests: tuple[Request, ...]) -> Mapping[str, str]:
    """Return the names of workers, by UUID, if any request has had or wants a certain one."""
    if all((r.job or r.readying) is None and UUID_CAPABILITY not in r.required for r in requests):
        return {}
    page = await farm.workers.list_workers(farm.caller)
    return {worker.uuid: worker.name for worker in page.items}


def request_listing(
    farm: Farm, requests: tuple[Request, ...], names: Mapping[str, str], none: str
) -> Listing:
    times = local_times(farm.now())
    rows = []
    for request in requests:
        job, readying = request.job, request.readying
        uuid = job.worker if job is not None else readying.worker if readying is not None else ""
        end = request.finished or (None if job is None else job.timeout)
        rows.append(
            (
                str(request.id),
                request.state.value,
                str(request.priority),
                request.owner_name or "",
                wanted_text(request, names),
                names.get(uuid, uuid),
                "" if end is None else times.moment(end),
                note(request, times),
                origin(request),
            )
        )
    return Listing(
        none=none,
        headers=("ID", "State", "Pri", "Owner", "Wants", "Worker", "Until", "Reason", "From"),
        spare=("From", "Pri", "Reason", "Until", "Worker", "Owner"),
        seldom=("From",),
        rows=rows,
        records=requests,
        ids=[str(request.id) for request in requests],
    )
