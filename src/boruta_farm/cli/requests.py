"""Verbs that show requests and how to reach their boards."""

import logging
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from boruta_farm.cli.completion import UNFINISHED
from boruta_farm.cli.console import failures_told, local_times, pointing_at, run, say
from boruta_farm.cli.options import (
    ColumnsOption,
    IdArgument,
    LimitOption,
    Output,
    OutputOption,
    SelectorArgument,
    SortOption,
    WaitOption,
    output_of,
    read_duration,
    read_limit,
    read_sort,
)
from boruta_farm.cli.progress import Spinner
from boruta_farm.cli.sharing import presence
from boruta_farm.cli.tables import Listing, print_listing, print_record
from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import (
    Files,
    check_tellable,
    command_line,
    configuration,
    known_hosts_line,
    write_private,
)
from boruta_farm.client.session import wait_for_board
from boruta_farm.contracts import Explanation
from boruta_farm.model.errors import (
    ConfigError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RouteNotFoundError,
)
from boruta_farm.model.listing import REQUEST_ITEMS, RequestFilter
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import NAME_CAPABILITY, UUID_CAPABILITY, AccessInfo
from boruta_farm.records.writing import write
from boruta_farm.words.durations import duration
from boruta_farm.words.explanation import line
from boruta_farm.words.request import note, wanted_text

log = logging.getLogger(__name__)

LAST_LINES: Final = 20
"""Of a failed job's console that are shown with its request."""

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
        none = "no request is like that"
        if chosen == UNFINISHED and selector is None and not shared:
            none = "no request waits or runs; finished ones: boruta ls --all"
        return _listing(farm, page.items, await worker_names_of(farm, page.items), none)

    with pointing_at(selector):
        listing = run(context, work)
    print_listing(listing, output_of(context, output), columns)


async def worker_names_of(farm: Farm, requests: tuple[Request, ...]) -> Mapping[str, str]:
    """Return the names of workers, by UUID, if any request has had or wants a certain one."""
    if all(r.job is None and UUID_CAPABILITY not in r.required for r in requests):
        return {}
    page = await farm.workers.list_workers(farm.caller)
    return {worker.uuid: worker.name for worker in page.items}


def _wanted(request: Request, names: Mapping[str, str]) -> str:
    """Write what a request wants; a board that it names by its UUID, by its name."""
    uuid = request.required.get(UUID_CAPABILITY, "")
    text = wanted_text(request)
    if uuid not in names:
        return text
    return text.replace(f"{UUID_CAPABILITY}={uuid}", f"{NAME_CAPABILITY}={names[uuid]}")


def _listing(
    farm: Farm, requests: tuple[Request, ...], names: Mapping[str, str], none: str
) -> Listing:
    times = local_times(farm.now())
    rows = []
    for request in requests:
        job = request.job
        end = request.finished or (None if job is None else job.timeout)
        rows.append(
            (
                str(request.id),
                request.state.value,
                str(request.priority),
                request.owner_name or "",
                _wanted(request, names),
                "" if job is None else names.get(job.worker, job.worker),
                "" if end is None else times.moment(end),
                note(request, times),
            )
        )
    return Listing(
        none=none,
        headers=("ID", "State", "Pri", "Owner", "Wants", "Worker", "Until", "Reason"),
        spare=("Pri", "Reason", "Until", "Worker", "Owner"),
        rows=rows,
        records=requests,
        ids=[str(request.id) for request in requests],
    )


def show(context: typer.Context, request_id: IdArgument, output: OutputOption = None) -> None:
    """Show a request, and why it waits."""
    form = output_of(context, output)

    async def work(farm: Farm) -> None:
        request, explanation = await _explained(farm, request_id)
        record = write(request)
        if explanation is not None:
            record["Explanation"] = explanation
        facts = _facts(farm, request, await worker_names_of(farm, (request,)), explanation)
        if form is Output.TABLE:
            facts |= await presence(farm, request)
        print_record(facts, record, str(request_id), form)
        if form is Output.TABLE and request.state is RequestState.FAILED:
            await _print_last_words(farm, request_id)

    run(context, work, f"request {request_id}")


async def _print_last_words(farm: Farm, request_id: int) -> None:
    """Print how the console of a failed job ended, where the farm has that and the caller may."""
    try:
        lines = await farm.consoles.tail(request_id, LAST_LINES)
    except (NotFoundError, ForbiddenError, InvalidError) as none:
        log.debug("no console is shown: %s", none)
        return
    print(f"\nThe console's last lines (all: boruta console {request_id} --log):")
    for each in lines:
        print(f"  {each}")


async def _explained(farm: Farm, request_id: int) -> tuple[Request, Explanation | None]:
    """Return a request with why it waits; both of one state, so that neither belies the other."""
    request = await farm.requests.get_request_info(farm.caller, request_id)
    if request.state is not RequestState.WAITING:
        return request, None
    try:
        found = await farm.requests.explain(farm.caller, request_id)
    except RouteNotFoundError:
        # The original's server can show a request, but not say why it waits.
        return request, None
    if found.state == request.state:
        return request, found
    return await farm.requests.get_request_info(farm.caller, request_id), None


def _facts(
    farm: Farm, request: Request, names: Mapping[str, str], explanation: Explanation | None
) -> dict[str, str]:
    times = local_times(farm.now(), distance=True)
    facts = {
        "Request": str(request.id),
        "State": request.state.value,
        "Priority": str(request.priority),
        "Wants": _wanted(request, names),
        "Created": times.moment(request.created),
        "Not before": times.moment(request.valid_after),
        "Deadline": times.moment(request.deadline),
    }
    if request.owner_name:
        facts["Owner"] = request.owner_name
    if request.length is not None:
        facts["Length"] = duration(request.length)
    if request.keep_alive is not None:
        facts["KeepAlive"] = f"{request.keep_alive} s"
    if request.ssh_key is not None:
        facts["SSH key"] = request.ssh_key
    if request.shared_names:
        facts["Shared with"] = ", ".join(request.shared_names)
    if request.job is not None:
        facts["Worker"] = names.get(request.job.worker, request.job.worker)
        facts["Granted"] = times.moment(request.job.granted)
        facts["Until"] = times.moment(request.job.timeout)
        facts["At most until"] = times.moment(request.job.limit)
    if request.finished is not None:
        facts["Finished"] = times.moment(request.finished)
    if request.reason:
        facts["Reason"] = request.reason
    if explanation is not None:
        facts["Why"] = line(explanation, times)
    return facts


def acquire(
    context: typer.Context,
    request_id: IdArgument,
    wait: WaitOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FOLDER",
            help="Write key, known_hosts and config (for ssh -F) into a new folder.",
        ),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Tell how to reach a running request's board; the private key with --save or -o json."""
    form = output_of(context, output)
    patience = read_duration(wait, "--wait")

    async def work(farm: Farm) -> AccessInfo:
        if patience is not None:
            with Spinner(farm) as spinner:
                await wait_for_board(farm, request_id, patience, spinner.report, stays=True)
        return await farm.requests.acquire_worker(farm.caller, request_id)

    access = run(context, work, f"request {request_id}")
    facts = {"Address": access.host, "Port": str(access.port), "User": access.username}
    if access.host_key is not None:
        facts["Host key"] = access.host_key
    if save is not None:
        with failures_told():
            files = _save(access, save.absolute(), f"boruta-{request_id}")
        facts["Connect"] = shlex.join(command_line("ssh", access, files))
        config = shlex.quote(str(save.absolute() / "config"))
        facts["By name"] = f"ssh -F {config} boruta-{request_id}"
    elif form is Output.TABLE:
        say(
            f"the private key is not shown; use --save FOLDER, -o json, or: boruta ssh {request_id}"
        )
    print_record(facts, access, str(request_id), form)


def _save(access: AccessInfo, folder: Path, name: str) -> Files:
    """Write an access into a new private folder, with a configuration. Raises ConfigError."""
    check_tellable(folder)
    files = Files(
        identity=folder / "key" if access.key else None,
        known_hosts=folder / "known_hosts" if access.host_key is not None else None,
    )
    # What is wrong with them is known before the first file is there.
    texts = {folder / "config": configuration(name, access, files)}
    if files.identity is not None:
        texts[files.identity] = access.key
    if files.known_hosts is not None:
        texts[files.known_hosts] = known_hosts_line(access)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise ConfigError(f"{folder} exists already; name a new folder for --save") from None
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        for path, text in texts.items():
            write_private(path, text)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return files
