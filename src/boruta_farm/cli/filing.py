"""Verbs that file, change and close requests."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from boruta_farm.cli.console import (
    complain,
    local_times,
    pointing_at,
    run,
    run_to_signal,
    say,
)
from boruta_farm.cli.options import (
    AfterOption,
    BootOption,
    CapsOption,
    ContextOption,
    DeadlineOption,
    IdArgument,
    IdleEndOption,
    IdsArgument,
    ImageOption,
    KeepAliveOption,
    KeyOption,
    LengthOption,
    Output,
    OutputOption,
    PriorityOption,
    QueueOption,
    SelectorOption,
    StorageOption,
    StrictOption,
    WaitOption,
    WantArgument,
    output_of,
    read_caps,
    read_context,
    read_duration,
    read_moment,
    read_want,
)
from boruta_farm.cli.signals import Signals
from boruta_farm.cli.tables import print_record
from boruta_farm.cli.turn import wait_its_turn
from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import read_own_key
from boruta_farm.client.session import (
    DEFAULT_PRIORITY,
    LeftError,
    NotStartedError,
    filed,
)
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.contracts import Explanation
from boruta_farm.model.errors import BorutaError, RouteNotFoundError, UnmetDemandError
from boruta_farm.model.request import MoreTime, NewRequest, RequestState, RequestUpdate
from boruta_farm.words.explanation import headline
from boruta_farm.words.joining import joined

OVER = frozenset(str(state) for state in RequestState if state.finished)


class StrictlyUnmetError(UnmetDemandError):
    """no registered board could serve this request; leave --strict out to wait for one"""

    def __init__(self, message: str) -> None:
        # Where nobody asked for more than the usual, another remedy helps: --queue.
        super().__init__(
            joined((message, "to wait for such a board all the same: leave --strict out"))
        )


def new(
    context: typer.Context,
    want: WantArgument = None,
    caps: CapsOption = None,
    selector: SelectorOption = None,
    strict: StrictOption = False,
    priority: PriorityOption = DEFAULT_PRIORITY,
    after: AfterOption = None,
    deadline: DeadlineOption = None,
    length: LengthOption = None,
    idle_end: IdleEndOption = None,
    origin: ContextOption = None,
    image: ImageOption = None,
    storage: StorageOption = None,
    boot_until: BootOption = None,
    key: KeyOption = None,
    keep_alive: KeepAliveOption = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="TEXT",
            help="Repeating the command with the same text files nothing twice (24 h).",
        ),
    ] = None,
    wait: WaitOption = None,
    queue: QueueOption = False,
    output: OutputOption = None,
) -> None:
    """File a request and print its id.

    With --wait it is refused when no registered board could serve it, unless --queue is given;
    when the time is over, or after Ctrl-C, it is closed, as 'boruta ssh' does: status 1, or
    128 + n after signal n.
    """
    span = read_duration(keep_alive, "--keep-alive")
    patience = read_duration(wait, "--wait")
    wanted = NewRequest(
        caps=read_caps(caps),
        selector=selector,
        strict=strict or (patience is not None and not queue),
        priority=priority,
        valid_after=read_moment(after, "--after"),
        deadline=read_moment(deadline, "--deadline"),
        keep_alive=None if span is None else round(span.total_seconds()),
        length=read_duration(length, "--for"),
        idle_end=read_duration(idle_end, "--idle-end"),
        context=read_context(origin),
        image=image,
        storage=storage,
        boot_until=boot_until,
        idempotency_key=idempotency_key,
    )
    form = output_of(context, output)
    if strict and queue:
        raise typer.BadParameter("--strict refuses what --queue waits for: leave one of both out")
    what = read_want(want)
    if what is not None and what.request is not None:
        raise typer.BadParameter(f"{want} is a request already; see: boruta show {what.request}")

    async def tell(farm: Farm, request_id: int) -> None:
        if form in (Output.JSON, Output.JSONL):
            request = await farm.requests.get_request_info(farm.caller, request_id)
            print_record({}, request, str(request_id), form)

    async def work(farm: Farm, signals: Signals) -> None:
        request_id: int | None = None
        filing = with_own_key(wanted, key)
        if what is not None:
            filing = asking(filing, await wanted_here(farm, what))
        try:
            async with filed(farm, filing, _remark, closed=_remark, lasting=True) as answer:
                request_id = answer.id
                if form in (Output.TABLE, Output.IDS):
                    print(request_id, flush=True)
                if patience is not None:
                    await wait_its_turn(farm, request_id, patience, signals)
        except LeftError as left:
            assert request_id is not None
            await tell(farm, request_id)
            _remark(left.message)
            raise typer.Exit(left.status) from None
        except (NotStartedError, asyncio.CancelledError):
            if request_id is not None:
                await tell(farm, request_id)
            raise
        await tell(farm, request_id)
        if form is Output.TABLE:
            outlook = answer.outlook
            if patience is not None:
                try:
                    outlook = await farm.requests.explain(farm.caller, request_id, brief=True)
                except RouteNotFoundError:
                    outlook = None
            say(_hint(farm, request_id, outlook))

    async def work_strictly(farm: Farm, signals: Signals) -> None:
        try:
            await work(farm, signals)
        except UnmetDemandError as error:
            raise StrictlyUnmetError(error.message) from None

    with pointing_at(selector):
        run_to_signal(context, work_strictly if strict else work)


def _remark(text: str) -> None:
    say(f"boruta: {text}")


def with_own_key(new: NewRequest, key: str | None) -> NewRequest:
    """Return the request with the public key of a file, if one is named. Raises ConfigError."""
    return new if key is None else replace(new, ssh_key=read_own_key(key).line)


def _hint(farm: Farm, request_id: int, outlook: Explanation | None) -> str:
    """Tell what will happen next, as the server answered, and what to type."""
    told = f"request {request_id} is filed"
    if outlook is not None:
        told = headline(outlook, local_times(farm.now()))
        if outlook.state in OVER:
            return told
    return f"{told}; connect: boruta ssh {request_id}"


def update(
    context: typer.Context,
    request_id: IdArgument,
    priority: Annotated[
        int | None,
        typer.Option("--priority", "-p", help="1 (most important) to 16.", min=1, max=16),
    ] = None,
    after: AfterOption = None,
    deadline: DeadlineOption = None,
    length: LengthOption = None,
    caps: CapsOption = None,
    selector: SelectorOption = None,
) -> None:
    """Change priority, times or what is asked for of a waiting request.

    The capabilities of -c take the place of all that the request asked for; -s '' takes its
    selector away, --for 0 its length.
    """
    change = RequestUpdate(
        priority=priority,
        caps=read_caps(caps) if caps else None,
        selector=selector,
        valid_after=read_moment(after, "--after"),
        deadline=read_moment(deadline, "--deadline"),
        length=read_duration(length, "--for"),
    )
    if change == RequestUpdate():
        raise typer.BadParameter(
            "say what to change: --priority, --after, --deadline, --for, -c or -s"
        )

    async def work(farm: Farm) -> None:
        await farm.requests.update_request(farm.caller, request_id, change)
        say(f"request {request_id} is changed")

    run(context, work, f"request {request_id}")


def close(context: typer.Context, request_ids: IdsArgument) -> None:
    """Cancel waiting requests, finish running ones."""

    async def work(farm: Farm) -> bool:
        good = True
        for request_id in request_ids:
            try:
                await farm.requests.close_request(farm.caller, request_id)
                say(f"request {request_id} is closed")
            except BorutaError as error:
                complain(error, f"request {request_id}")
                good = False
        return good

    if not run(context, work):
        raise typer.Exit(1)


def prolong(
    context: typer.Context,
    request_id: IdArgument,
    more: Annotated[
        str | None,
        typer.Argument(metavar="[+DURATION]", help="More time from the present end: +30m."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="The new end: 18:00, 'tomorrow 9:00', 2026-01-31T18:30."
        ),
    ] = None,
) -> None:
    """Give a running request more time and print its new end.

    Without more it ends its own length from now. An end is never moved to an earlier time.
    """
    if until is not None and more is not None:
        # Two words without quotes: --until tomorrow 9:00.
        until, more = f"{until} {more}", None
    end = read_moment(until, "--until")
    wish = MoreTime(length=read_duration(more, "+DURATION"), until=end)

    async def work(farm: Farm) -> None:
        found = await farm.requests.prolong_access(farm.caller, request_id, wish)
        later = ", as before: a job is never shortened" if end is not None and found > end else ""
        print(f"until {local_times(farm.now(), distance=True).moment(found)}{later}")

    run(context, work, f"request {request_id}")
