"""``boruta show``: a request, and why it waits."""

import logging
from collections.abc import Mapping
from typing import Final

import typer

from boruta_farm.cli.console import local_times, run
from boruta_farm.cli.options import IdArgument, Output, OutputOption, output_of
from boruta_farm.cli.requests import worker_names_of
from boruta_farm.cli.sharing import presence
from boruta_farm.cli.tables import print_record
from boruta_farm.client.farm import Farm
from boruta_farm.client.wire import NEVER
from boruta_farm.model.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RouteNotFoundError,
)
from boruta_farm.model.explanation import Explanation
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request, RequestState
from boruta_farm.records.writing import write
from boruta_farm.words.durations import duration
from boruta_farm.words.explanation import line
from boruta_farm.words.nudge import asked
from boruta_farm.words.request import wanted_text
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

LAST_LINES: Final = 20
"""Of a failed job's console that are shown with its request."""


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
    if not lines:
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
        "Wants": wanted_text(request, names),
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
    for name, value in (request.context or {}).items():
        facts[f"From {name}"] = value
    if request.ssh_key is not None:
        facts["SSH key"] = request.ssh_key
    if request.shared_names:
        facts["Shared with"] = ", ".join(request.shared_names)
    if request.image is not None:
        into = "" if request.storage is None else f" into {request.storage}"
        facts["Image"] = f"{request.image}{into}"
    if request.boot_until is not None:
        facts["Boot until"] = request.boot_until
    if (readying := request.readying) is not None:
        facts["Worker"] = names.get(readying.worker, readying.worker)
        facts["Made ready since"] = times.moment(readying.since)
        facts["Progress"] = readying.progress
    if request.job is not None:
        facts["Worker"] = names.get(request.job.worker, request.job.worker)
        facts |= _held(request.job, times)
    told = asked(request, times)
    if told is not None:
        facts["Asked"] = told
    if request.idle_end is not None:
        facts["Idle end"] = f"{duration(request.idle_end)} without use, while somebody waits"
    if request.live_job is not None and request.idle_ends is not None:
        facts["Given back"] = f"{times.moment(request.idle_ends)}, unless it is used"
    if request.finished is not None:
        facts["Finished"] = times.moment(request.finished)
    if request.reason:
        facts["Reason"] = request.reason
    if explanation is not None:
        facts["Why"] = line(explanation, times)
    return facts


def _held(job: Job, times: Times) -> dict[str, str]:
    """Return since when a board is held, and until when if it was handed over at all."""
    if job.progress is not None:
        return {"Made ready since": times.moment(job.granted), "Progress": job.progress}
    until = {"Until": times.moment(job.timeout)}
    if job.granted == NEVER:
        return until
    return {
        "Granted": times.moment(job.granted),
        **until,
        "At most until": times.moment(job.limit),
    }
