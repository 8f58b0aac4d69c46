"""``boruta`` alone: the three next steps for this farm, as things stand."""

import asyncio
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from boruta_farm.cli.called import as_called
from boruta_farm.cli.console import clean, complain, configured, local_times
from boruta_farm.cli.tables import GAP
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.errors import (
    BorutaError,
    RouteNotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.model.listing import Paginator, RequestFilter, Sorter, SortOrder, WorkerFilter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.words.counts import count
from boruta_farm.words.request import wanted_text

PATIENCE = 2.0
"""Seconds within which the farm has to tell how things stand."""
ONE = Paginator(limit=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSteps:
    """Tell how things stand, and what to type next: each a command and what it does."""

    standing: str
    steps: Sequence[tuple[str, str]]


def tell_next_steps(context: typer.Context) -> None:
    """Print what to do next. Exits with 1 where the farm cannot tell."""
    status = 0
    try:
        config = configured(context)
        try:
            found = asyncio.run(_asked(config))
        except UnauthenticatedError:
            found = signed_out(config.server)
        except UnavailableError as error:
            complain(error)
            status, found = 1, without_farm(config.server)
    except BorutaError as error:
        complain(error)
        raise typer.Exit(1) from None
    print(clean(found.standing))
    steps = [(as_called(command), does) for command, does in found.steps]
    width = max(len(command) for command, _ in steps)
    for command, does in steps:
        print(clean(f"{GAP}{command.ljust(width)}{GAP}{does}"))
    print(as_called("all commands: boruta --help"))
    raise typer.Exit(status)


async def _asked(config: ClientConfig) -> NextSteps:
    try:
        async with asyncio.timeout(PATIENCE), connect(config) as farm:
            return await _found(farm, config.server)
    except TimeoutError:
        raise UnavailableError(
            f"the farm at {config.server} did not answer within {PATIENCE:g} s"
        ) from None


async def _found(farm: Farm, server: str) -> NextSteps:
    mine = None
    try:
        who = await farm.accounts.me()
        if who.groups is not None:
            mine = f"owner={json.dumps(who.name, ensure_ascii=False)}"
    except RouteNotFoundError:
        # The original's server knows no people: what anybody holds is everybody's.
        mine = None
    times = local_times(farm.now(), distance=True)
    for state in (RequestState.IN_PROGRESS, RequestState.WAITING):
        where = RequestFilter(states=(state,), selector=mine)
        newest = Sorter(order=SortOrder.DESCENDING)
        page = await farm.requests.list_requests(farm.caller, where, newest, ONE)
        if page.items and page.items[0].job is not None and state is RequestState.IN_PROGRESS:
            job = page.items[0].job
            worker = await farm.workers.get_worker_info(farm.caller, job.worker)
            return holding(server, page.items[0].id, worker.name, times.moment(job.timeout))
        if page.items and state is RequestState.WAITING:
            return waiting(server, page.items[0])
    idle = WorkerFilter(states=(WorkerState.IDLE,))
    free = await farm.workers.list_workers(farm.caller, idle, None, ONE)
    if free.items:
        return with_free_board(server, free.items[0].name, free.total)
    known = await farm.workers.list_workers(farm.caller, None, None, ONE)
    return with_boards_taken(server, known.items[0].name) if known.items else without_boards(server)


def signed_out(server: str) -> NextSteps:
    """Tell what to do where the farm asks who calls and nobody has signed in."""
    return NextSteps(
        standing=f"{server}: you are not signed in",
        steps=(
            (f"boruta login {server}", "sign in with a token; an admin invites you"),
            ("boruta version", "see which server answers"),
            ("boruta --profile NAME ls", "use another farm that you have signed in to"),
        ),
    )


def without_farm(server: str) -> NextSteps:
    """Tell what to do where no server answers."""
    return NextSteps(
        standing=f"{server}: no farm answers there",
        steps=(
            ("boruta login https://FARM:8487", "name your farm, and sign in"),
            ("boruta serve", "start a server on this machine"),
            ("boruta demo", "play with a whole farm on this machine"),
        ),
    )


def holding(server: str, request_id: int, worker: str, until: str) -> NextSteps:
    """Tell what to do with a board in hand."""
    return NextSteps(
        standing=f"{server}: {worker} is yours until {until} (request {request_id})",
        steps=(
            (f"boruta ssh {request_id}", "open a shell on it"),
            (f"boruta prolong {request_id} +30m", "keep it longer"),
            (f"boruta close {request_id}", "give it back"),
        ),
    )


def waiting(server: str, request: Request) -> NextSteps:
    """Tell what to do while a request waits."""
    return NextSteps(
        standing=f"{server}: request {request.id} waits for {wanted_text(request)}",
        steps=(
            (f"boruta explain {request.id}", "why, and when it is expected to start"),
            (f"boruta ssh {request.id}", "wait for its turn, then open a shell"),
            (f"boruta close {request.id}", "cancel it"),
        ),
    )


def with_free_board(server: str, worker: str, free: int) -> NextSteps:
    """Tell what to do where nothing is held and a board is free."""
    name = shlex.quote(worker)
    return NextSteps(
        standing=f"{server}: you hold nothing; {count(free, 'board')} free",
        steps=(
            (f"boruta ssh {name}", "borrow this one and open a shell"),
            (f"boruta run {name} -- uname -a", "borrow it for one command"),
            ("boruta workers", "all boards, and who holds them"),
        ),
    )


def with_boards_taken(server: str, worker: str) -> NextSteps:
    """Tell what to do where nothing is held and no board is free."""
    return NextSteps(
        standing=f"{server}: you hold nothing, and no board is free",
        steps=(
            ("boruta workers", "who holds which board until when, and which are set aside"),
            (f"boruta ssh {shlex.quote(worker)}", "wait for this one, then open a shell"),
            ("boruta ls", "what waits and runs"),
        ),
    )


def without_boards(server: str) -> NextSteps:
    """Tell what to do where there is no board yet."""
    return NextSteps(
        standing=f"{server}: no board is registered yet",
        steps=(
            ("boruta agent invite", "get a token with which a board's computer joins"),
            (f"dryad join {server}", "on the board's computer"),
            ("boruta worker idle --all", "lend the boards that have joined"),
        ),
    )
