"""``boruta watch``: boards and requests as they stand, live."""

import asyncio
import logging
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

import typer

from boruta_farm.cli.console import clean, local_times, pointing_at, run_to_signal, say
from boruta_farm.cli.options import Output, OutputOption, output_of
from boruta_farm.cli.requests import request_listing
from boruta_farm.cli.signals import Signals
from boruta_farm.cli.tables import Listing, as_json, fitting, plain_lines
from boruta_farm.cli.workers import holders_of, worker_listing
from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Lost
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import UNFINISHED, Request
from boruta_farm.model.worker import Worker
from boruta_farm.words.counts import count
from boruta_farm.words.request import note, wanted_text
from boruta_farm.words.worker import state_text

log = logging.getLogger(__name__)

AT_MOST_EVERY = 0.5
"""Seconds between two looks at the farm, however much happens."""
ALL_THE_SAME = 20.0
"""Seconds after which the screen is drawn anew though nothing happened: ages go on."""

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmView:
    """Carry how a farm stands at a moment."""

    at: datetime
    workers: tuple[Worker, ...]
    requests: tuple[Request, ...]
    holders: Mapping[str, Request]
    names: Mapping[str, str]


def watch(
    context: typer.Context,
    selector: Annotated[
        str | None,
        typer.Option(
            "--selector",
            "-s",
            metavar="SELECTOR",
            help="Only requests that meet it: 'owner = ann'.",
        ),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Show boards and requests live until Ctrl-C; without a terminal, one line for each change.

    -o jsonl prints the record of each board or request that has changed, -o ids its name or id.
    """
    form = output_of(context, output)
    if form is Output.JSON:
        raise typer.BadParameter("a document has an end, and this has none: use -o jsonl")
    if form is Output.TABLE and sys.stdout.isatty():
        with _whole_screen() as screen:
            _follow(context, selector, screen)
    else:
        _follow(context, selector, ChangedLines(form))


class Shower(Protocol):
    """Show how the farm stands, each time anew."""

    def show(self, farm: Farm, standing: FarmView, trouble: str | None) -> None:
        """Show it; ``trouble`` tells why it may be out of date."""
        ...


def _follow(context: typer.Context, selector: str | None, shower: Shower) -> None:
    async def work(farm: Farm, _signals: Signals) -> None:
        happened = asyncio.Event()
        lost = Trouble()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, happened.set)
        listening = asyncio.create_task(_listen(farm, happened, lost))
        standing: FarmView | None = None
        try:
            while True:
                standing = await _look(farm, selector) or standing
                if standing is not None:
                    shower.show(farm, standing, lost.reason)
                await asyncio.sleep(AT_MOST_EVERY)
                await _first(happened, listening)
                happened.clear()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    with pointing_at(selector):
        run_to_signal(context, work)


@dataclass(slots=True)
class Trouble:
    """Know why the farm is out of reach, None while it is not."""

    reason: str | None = None


async def _listen(farm: Farm, happened: asyncio.Event, lost: Trouble) -> None:
    async with farm.watch() as happenings:
        async for happening in happenings:
            lost.reason = happening.reason if isinstance(happening, Lost) else None
            happened.set()


async def _first(happened: asyncio.Event, listening: asyncio.Task[None]) -> None:
    """Wait until something happens, or long enough; raises what ended the listening."""
    waiting = asyncio.create_task(happened.wait())
    try:
        await asyncio.wait(
            (waiting, listening), timeout=ALL_THE_SAME, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        waiting.cancel()
    if listening.done():
        listening.result()


async def _look(farm: Farm, selector: str | None) -> FarmView | None:
    """Return how the farm stands, None while it is out of reach."""
    where = RequestFilter(states=UNFINISHED, selector=selector)
    try:
        workers = (await farm.workers.list_workers(farm.caller)).items
        requests = (await farm.requests.list_requests(farm.caller, where)).items
        holders = await holders_of(farm)
    except UnavailableError as error:
        # Whoever listens notices too, and tells it.
        log.debug("the farm was not read: %s", error)
        return None
    names = {worker.uuid: worker.name for worker in workers}
    return FarmView(at=farm.now(), workers=workers, requests=requests, holders=holders, names=names)


class ChangedLines:
    """Print a line for each board and request that stands otherwise than before."""

    def __init__(self, form: Output) -> None:
        self._form = form
        self._known: dict[str, tuple[str, ...]] = {}
        self._trouble: str | None = None

    def show(self, farm: Farm, standing: FarmView, trouble: str | None) -> None:
        """Print what has changed since the last look; at the first look, everything."""
        if trouble is not None and trouble != self._trouble:
            say(f"boruta: {trouble}; trying again")
        self._trouble = trouble
        times = local_times(farm.now())
        found: dict[str, tuple[str, ...]] = {}
        for worker in standing.workers:
            holder = standing.holders.get(worker.uuid)
            held = "" if holder is None else _held(holder)
            facts: tuple[str, ...] = (state_text(worker), held, worker.reason or "")
            self._tell(found, worker.uuid, worker.name, facts, worker, times.second(standing.at))
        for request in standing.requests:
            job = request.job
            board = "" if job is None else standing.names.get(job.worker, job.worker)
            facts = (
                request.state.value,
                board,
                wanted_text(request, standing.names),
                note(request, times),
            )
            name = f"request {request.id}"
            self._tell(found, name, name, facts, request, times.second(standing.at))
        for gone in [key for key in self._known if key not in found]:
            self._say(f"{times.second(standing.at)}  {gone}  is over or gone", {"Gone": gone}, gone)
        self._known = found

    def _tell(
        self,
        found: dict[str, tuple[str, ...]],
        key: str,
        name: str,
        facts: tuple[str, ...],
        record: object,
        at: str,
    ) -> None:
        found[key] = facts
        if self._known.get(key) != facts:
            told = "  ".join(fact for fact in (at, name, *facts) if fact)
            self._say(told, record, name.removeprefix("request "))

    def _say(self, text: str, record: object, known: str) -> None:
        match self._form:
            case Output.JSONL:
                print(as_json(record), flush=True)
            case Output.IDS:
                print(clean(known), flush=True)
            case _:
                print(clean(text), flush=True)


class WholeScreen:
    """Draw everything anew, as much as fits the terminal."""

    def show(self, farm: Farm, standing: FarmView, trouble: str | None) -> None:
        """Draw how the farm stands; what does not fit is counted."""
        width, height = shutil.get_terminal_size()
        times = local_times(farm.now())
        waiting = sum(request.job is None for request in standing.requests)
        summary = (
            f"{times.second(farm.now())}  {count(len(standing.workers), 'board')}, "
            f"{count(len(standing.requests) - waiting, 'request')} running, {waiting} waiting"
            f"{'' if trouble is None else f'; {trouble}; trying again'}"
        )
        boards = worker_listing(farm, standing.workers, standing.holders, "no board")
        asked = request_listing(farm, standing.requests, standing.names, "no request")
        left = max(height - 6, 2)
        most = max(left // 2, left - len(asked.rows))
        above = _lines(boards, width, most)
        lines = [summary, "", *above, "", *_lines(asked, width, left - len(above) + 2)]
        text = "".join(f"{line[:width]}{REST_OF_LINE}\r\n" for line in lines[: height - 1])
        sys.stdout.write(f"{HOME}{text}{REST_OF_SCREEN}")
        sys.stdout.flush()


def _lines(listing: Listing, width: int, most: int) -> list[str]:
    """Return a table of at most so many rows, and how many more there are."""
    if not listing.rows:
        return [listing.none]
    cells = [[clean(cell) for cell in row] for row in listing.rows]
    places = fitting(listing, cells, width)
    rows = [[row[place] for place in places] for row in cells[:most]]
    more = len(cells) - len(rows)
    lines = list(plain_lines([listing.headers[place] for place in places], rows))
    return [*lines, f"... and {more} more"] if more else lines


def _held(request: Request) -> str:
    by = f" of {request.owner_name}" if request.owner_name else ""
    return f"request {request.id}{by}"


@contextmanager
def _whole_screen() -> Iterator[WholeScreen]:
    """Have the terminal for the block, and give it back as it was."""
    sys.stdout.write(ENTER)
    try:
        yield WholeScreen()
    finally:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
