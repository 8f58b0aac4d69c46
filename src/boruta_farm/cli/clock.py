"""``boruta clock``: the farm's time beside its machine's, and an admin's word on it."""

import typer

from boruta_farm.cli.console import run
from boruta_farm.cli.options import Output, OutputOption, output_of
from boruta_farm.cli.tables import print_record
from boruta_farm.client.farm import Farm
from boruta_farm.model.answers import ClockReading

FORM = "%Y-%m-%d %H:%M:%S"


def show(context: typer.Context, output: OutputOption = None) -> None:
    """Show the farm's time and what its machine's clock shows."""

    async def work(farm: Farm) -> ClockReading:
        return await farm.clock()

    _print(context, output, run(context, work))


def adopt(context: typer.Context, output: OutputOption = None) -> None:
    """Set the farm's time to its machine's clock; running jobs keep their remaining time."""

    async def work(farm: Farm) -> ClockReading:
        return await farm.adopt_clock()

    _print(context, output, run(context, work))


def _print(context: typer.Context, output: Output | None, found: ClockReading) -> None:
    facts = {"Farm": f"{found.time:{FORM}} UTC", "Machine": f"{found.machine:{FORM}} UTC"}
    if found.words is not None:
        facts["Note"] = found.words
    print_record(facts, found, found.time.isoformat(), output_of(context, output))
