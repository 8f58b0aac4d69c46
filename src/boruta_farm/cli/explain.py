"""``boruta explain``: why a request waits, until when, and what would help."""

from collections.abc import Iterable
from typing import Annotated

import typer

from boruta_farm.cli.console import clean, local_times, run
from boruta_farm.cli.options import IdArgument, Output, OutputOption, output_of
from boruta_farm.cli.tables import print_record
from boruta_farm.client.farm import Farm
from boruta_farm.client.waiting import Progress, Turn
from boruta_farm.contracts import Explanation
from boruta_farm.model.explanation import Cause, Forecast
from boruta_farm.model.request import RequestState
from boruta_farm.words.counts import count
from boruta_farm.words.explanation import brief, changes, clauses, hold, nearest
from boruta_farm.words.times import Times

FEWEST_STARTS = 20
"""Starts from which on it is told how good forecasts have been."""


def explain(
    context: typer.Context,
    request_id: IdArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the request starts or ends.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Tell why a request waits: boards, queue, expected start, and what would help."""
    form = output_of(context, output)

    async def work(farm: Farm) -> None:
        shown: list[Explanation] = []

        def show(progress: Progress) -> None:
            found = progress.explanation
            if found is not None and found not in shown[-1:]:
                _print(farm, found, form, again=bool(shown))
                shown.append(found)

        first = await farm.requests.explain(farm.caller, request_id)
        show(Progress(explanation=first))
        if follow and first.state == RequestState.WAITING:
            await Turn(farm, request_id, show).come()
            last = await farm.requests.explain(farm.caller, request_id)
            show(Progress(explanation=last))

    run(context, work, f"request {request_id}")


def _print(farm: Farm, found: Explanation, form: Output, again: bool) -> None:
    now = farm.now()
    if form is Output.TABLE:
        if again:
            print()
        told = lines(found, local_times(now, distance=True))
        print("\n".join(clean(line) for line in told), flush=True)
    else:
        print_record({}, found, str(found.request_id), form)


def lines(found: Explanation, times: Times) -> list[str]:
    """Return an explanation as people read it."""
    told = clauses(found, times)
    if found.cause in (Cause.NONE, Cause.STARTING, Cause.READYING, Cause.OPENING):
        return [f"Request {found.request_id}: {'; '.join(told)}"]
    facts = _listed("Why", told)
    others = [f"{boards} without {brief(caps)}" for caps, boards in sorted(found.lacking.items())]
    if found.other_groups:
        others.append(f"{found.other_groups} serving other groups")
    if others:
        facts.append(("Other boards", ", ".join(others)))
    if found.near_miss is not None and found.cause is not Cause.NO_BOARD:
        facts.append(("Nearest miss", nearest(found.near_miss)))
    if len(found.holders) > 1:
        facts += _listed("Held", [hold(holder, times) for holder in found.holders])
    if found.forecast is not None and found.forecast.of >= FEWEST_STARTS:
        facts.append(("Forecasts", _quality(found.forecast)))
    facts += _listed("Would help", changes(found, times))
    if found.policy is not None:
        facts.append(("Order", found.policy))
    width = max(len(name) for name, _ in facts)
    head = f"Request {found.request_id} waits: {found.cause.value}"
    return [head, *(f"  {name.ljust(width)}  {value}".rstrip() for name, value in facts)]


def _listed(name: str, values: Iterable[str]) -> list[tuple[str, str]]:
    return [(name if place == 0 else "", value) for place, value in enumerate(values)]


def _quality(forecast: Forecast) -> str:
    share = forecast.hits / forecast.of
    starts = count(forecast.of, "start")
    return f"{share:.0%} of the last {starts} came within the range told"
