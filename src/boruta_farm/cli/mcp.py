"""``boruta mcp``: lend boards to an agent that speaks the Model Context Protocol."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import configured, failures_told, run_to_signal, say
from boruta_farm.cli.parts import mcp_installed
from boruta_farm.cli.signals import Signals
from boruta_farm.client.farm import Farm
from boruta_farm.mcp.budget import Budget
from boruta_farm.mcp.desk import AgentDesk, Person
from boruta_farm.mcp.folder import SharedFolder
from boruta_farm.mcp.ledger import AgentLedger, state_folder
from boruta_farm.model.errors import RouteNotFoundError

USUAL = Budget()


def mcp(
    context: typer.Context,
    boards: Annotated[
        int, typer.Option("--boards", min=1, help="Boards it may hold at once.")
    ] = USUAL.boards,
    minutes: Annotated[
        int, typer.Option("--minutes", min=1, help="Minutes of boards it may use in a day.")
    ] = USUAL.minutes,
    flashes: Annotated[
        int, typer.Option("--flashes", min=0, help="Images it may write in an hour.")
    ] = USUAL.flashes,
    power: Annotated[
        int,
        typer.Option("--power", min=0, help="Times it may switch power or press in an hour."),
    ] = USUAL.power,
    files: Annotated[
        Path,
        typer.Option(
            "--files",
            metavar="DIR",
            file_okay=False,
            exists=True,
            help="The folder whose files it may copy and flash, and where it may put some.",
        ),
    ] = Path(),
    agent: Annotated[
        str, typer.Option("--agent", metavar="NAME", help="What the audit calls it.")
    ] = "mcp",
    http: Annotated[
        int | None,
        typer.Option(
            "--http",
            metavar="PORT",
            min=0,
            max=65535,
            help="Serve over HTTP at this port of 127.0.0.1; 0 is one that is free.",
        ),
    ] = None,
) -> None:
    """Serve an agent over standard input and output (MCP), within a budget, on your behalf.

    It acts with the token of environment or profile: give it one of its own, of the scope request.
    Its boards are given back when it closes our input or we end. With --http they are when it has
    ended its session, or not called for 10 minutes; it shows the token in BORUTA_MCP_TOKEN, or the
    one that is printed.
    """
    with failures_told(), mcp_installed():
        from boruta_farm.mcp.http import PATH, check_secret, listening, serve_http
        from boruta_farm.mcp.server import serve

        listener = None if http is None else listening(http)
        given = os.environ.get("BORUTA_MCP_TOKEN")
        secret = secrets.token_urlsafe(32) if given is None else check_secret(given)
        ledger = AgentLedger(state_folder(configured(context, quiet=True).server))
        ledger.prepare()
    budget = Budget(boards=boards, minutes=minutes, flashes=flashes, power=power)

    async def work(farm: Farm, _signals: Signals) -> None:
        try:
            name = (await farm.accounts.me()).name
        except RouteNotFoundError:
            name = ""
        person = Person(name=name, agent=agent)
        desk = AgentDesk(farm, budget, ledger, SharedFolder(files), person)
        if listener is None:
            await serve(desk)
            return
        say(f"MCP is served at http://127.0.0.1:{listener.getsockname()[1]}{PATH}")
        if given is None:
            say(f"the agent shows this header: Authorization: Bearer {secret}")
        await serve_http(desk, listener, secret)

    run_to_signal(context, work, agent=agent)
