"""``boruta nudge``: ask whoever holds a board whether he still needs it."""

import typer

from boruta_farm.cli.console import run, say
from boruta_farm.cli.options import IdArgument
from boruta_farm.client.farm import Farm


def nudge(context: typer.Context, request_id: IdArgument) -> None:
    """Ask the holder of a running request's board whether he still needs it.

    He is told at his terminal, in 'boruta show', and by his webhook; at most every 5 minutes.
    """

    async def work(farm: Farm) -> None:
        await farm.requests.nudge(farm.caller, request_id)
        say(f"the holder of request {request_id} was asked")

    run(context, work, f"request {request_id}")
