"""Verbs that show workers."""

from collections.abc import Mapping
from typing import Annotated

import typer

from boruta_farm.cli.console import local_times, pointing_at, run, say
from boruta_farm.cli.options import (
    CapsOption,
    ColumnsOption,
    LimitOption,
    OutputOption,
    SelectorArgument,
    SortOption,
    WorkerArgument,
    output_of,
    read_caps,
    read_limit,
    read_sort,
)
from boruta_farm.cli.selection import one_worker
from boruta_farm.cli.sharing import ONE_KEY
from boruta_farm.cli.tables import Listing, print_listing, print_record
from boruta_farm.client.farm import Farm
from boruta_farm.client.wire import NEVER
from boruta_farm.model.listing import WORKER_ITEMS, RequestFilter, WorkerFilter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.words.durations import age
from boruta_farm.words.worker import board_text, caps_text, state_text, tools_text

Holders = Mapping[str, Request]
"""The running requests by the UUID of their worker."""


def workers(
    context: typer.Context,
    selector: SelectorArgument = None,
    caps: CapsOption = None,
    states: Annotated[
        list[WorkerState] | None,
        typer.Option(
            "--state", case_sensitive=False, help="Only workers in this state; repeatable."
        ),
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="Only workers in this group; repeatable.")
    ] = None,
    sort: SortOption = None,
    limit: LimitOption = None,
    columns: ColumnsOption = None,
    output: OutputOption = None,
) -> None:
    """List workers, what they can do, and who holds them.

    Sort by uuid, state, groups or name.
    """
    sorter = read_sort(sort, WORKER_ITEMS)
    wanted = read_caps(caps)
    where = WorkerFilter(
        caps=wanted or None,
        states=tuple(states) if states else None,
        groups=tuple(groups) if groups else None,
        selector=selector,
    )

    async def work(farm: Farm) -> Listing:
        page = await farm.workers.list_workers(farm.caller, where, sorter, read_limit(limit))
        if page.remaining and limit is None:
            say(f"boruta: {page.remaining} more are not shown; choose with -c or --state")
        none = "no worker is like that; all: boruta workers"
        if where == WorkerFilter():
            none = "no worker is registered; to let boards join: boruta agent invite"
        return worker_listing(farm, page.items, await holders_of(farm), none)

    with pointing_at(selector):
        listing = run(context, work)
    print_listing(listing, output_of(context, output), columns)


async def holders_of(farm: Farm) -> Holders:
    running = RequestFilter(states=(RequestState.IN_PROGRESS,))
    page = await farm.requests.list_requests(farm.caller, running)
    return {r.job.worker: r for r in page.items if r.job is not None}


def worker_listing(farm: Farm, found: tuple[Worker, ...], holders: Holders, none: str) -> Listing:
    now = farm.now()
    rows = [
        (
            worker.name,
            state_text(worker),
            "" if worker.since == NEVER else age(now - worker.since),
            board_text(worker.caps),
            tools_text(worker.caps),
            _held(farm, holders.get(worker.uuid)),
            worker.reason or "",
            worker.fence.value,
            caps_text(worker.labels or {}),
        )
        for worker in found
    ]
    return Listing(
        none=none,
        headers=(
            "Name",
            "State",
            "Since",
            "Capabilities",
            "Tools",
            "Held",
            "Reason",
            "Fence",
            "Labels",
        ),
        spare=("Fence", "Labels", "Since", "Tools", "Reason", "Capabilities", "Held"),
        rows=rows,
        records=found,
        ids=[worker.uuid for worker in found],
    )


def _held(farm: Farm, request: Request | None) -> str:
    if request is None or request.job is None:
        return ""
    by = f"{request.owner_name} ({request.id})" if request.owner_name else f"request {request.id}"
    return f"{by} until {local_times(farm.now()).moment(request.job.timeout)}"


def show(
    context: typer.Context,
    name: WorkerArgument,
    output: OutputOption = None,
) -> None:
    """Show one worker."""
    form = output_of(context, output)

    async def work(farm: Farm) -> None:
        worker = await one_worker(farm, name)
        held = _held(farm, (await holders_of(farm)).get(worker.uuid))
        print_record(_facts(farm, worker, held), worker, worker.uuid, form)

    run(context, work)


def _facts(farm: Farm, worker: Worker, held: str) -> dict[str, str]:
    now = farm.now()
    facts = {
        "Worker": worker.name,
        "UUID": worker.uuid,
        "State": state_text(worker),
        "Since": (
            "not told by this server"
            if worker.since == NEVER
            else f"{local_times(now).moment(worker.since)} ({age(now - worker.since)})"
        ),
        "Capabilities": board_text(worker.caps),
        "Tools": tools_text(worker.caps) or "none",
        "Groups": " ".join(worker.groups) or "none: it serves everybody",
        "Fence": worker.fence.value,
        "Keys": "several: its sessions can be shared" if worker.many_keys else ONE_KEY,
        "Reach": worker.reach.value,
        "Epoch": str(worker.epoch),
        "Port": str(worker.port),
    }
    if worker.labels:
        facts["Labels"] = caps_text(worker.labels)
    if held:
        facts["Held"] = held
    if worker.reason:
        facts["Reason"] = worker.reason
    if worker.unreachable_since is not None:
        facts["Unreachable"] = f"for {age(now - worker.unreachable_since)}"
    if worker.dispute:
        facts["Disputed"] = worker.dispute
    if worker.host_key is not None:
        facts["Host key"] = worker.host_key
    if worker.notes:
        facts["Notes"] = " / ".join(worker.notes.splitlines())
    if worker.photo:
        facts["Photo"] = worker.photo
    for name, value in sorted((worker.facts or {}).items()):
        facts[f"Board {name}"] = value
    return facts
