"""Verbs on boards' agents: who is enrolled, who may come, who may not any more."""

from typing import Annotated

import typer

from boruta_farm.cli.completion import worker_names
from boruta_farm.cli.console import clean, local_times, run, say
from boruta_farm.cli.options import ColumnsOption, OutputOption, output_of, read_duration
from boruta_farm.cli.selection import one_worker
from boruta_farm.cli.tables import Listing, print_listing
from boruta_farm.client.farm import Farm
from boruta_farm.model.permission import Scope
from boruta_farm.model.token import Issued, NewToken, TokenKind
from boruta_farm.model.worker import Fence, Worker
from boruta_farm.words.durations import age


def invite(
    context: typer.Context,
    uuid: Annotated[
        str | None,
        typer.Option("--uuid", metavar="UUID", help="Only the board with this UUID may use it."),
    ] = None,
    uses: Annotated[
        int, typer.Option("--uses", help="How many boards may enrol with it.", min=1, max=100_000)
    ] = 1,
    lifetime: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long it is good.")
    ] = "1h",
) -> None:
    """Make a join token for boards' agents and print it; it is shown only now.

    'dryad join URL' on the board asks for it; or it goes into DRYAD_JOIN_TOKEN or 'join_token'.
    """
    wanted = NewToken(
        account="",
        kind=TokenKind.JOIN,
        scope=Scope.READ,
        name=f"board {uuid}" if uuid else "boards",
        lifetime=read_duration(lifetime, "--for"),
        uses=uses,
        worker=uuid,
    )

    async def work(farm: Farm) -> Issued:
        return await farm.tokens.issue(farm.caller, wanted)

    issued = run(context, work)
    until = local_times(issued.token.created).moment(issued.token.expires)
    boards = f"the board {uuid}" if uuid else "one board" if uses == 1 else f"{uses} boards"
    say(f"join token {issued.token.id} for {boards}, until {until}; it is shown only now:")
    print(clean(issued.secret))


def list_agents(
    context: typer.Context, columns: ColumnsOption = None, output: OutputOption = None
) -> None:
    """List boards with an agent, and since when its credential is pinned."""

    async def work(farm: Farm) -> Listing:
        page = await farm.workers.list_workers(farm.caller)
        agents = [worker for worker in page.items if worker.fence is Fence.AGENT]
        return Listing(
            none="no board has an agent of ours; the first: boruta agent invite",
            headers=("Name", "UUID", "Credential since", "Link"),
            rows=[(w.name, w.uuid, _pinned(farm, w), _link(farm, w)) for w in agents],
            records=agents,
            ids=[worker.uuid for worker in agents],
        )

    print_listing(run(context, work), output_of(context, output), columns)


def _pinned(farm: Farm, worker: Worker) -> str:
    if worker.credential_since is None:
        return "revoked"
    return local_times(farm.now()).moment(worker.credential_since)


def _link(farm: Farm, worker: Worker) -> str:
    if worker.credential_since is None:
        return "closed"
    if worker.unreachable_since is None:
        return "up"
    return f"lost for {age(farm.now() - worker.unreachable_since)}"


def invitations(
    context: typer.Context, columns: ColumnsOption = None, output: OutputOption = None
) -> None:
    """List join tokens and what is left of them; 'boruta token revoke ID' makes one worthless."""

    async def work(farm: Farm) -> Listing:
        found = await farm.tokens.list_tokens(farm.caller)
        now = farm.now()
        tokens = [token for token in found if token.kind is TokenKind.JOIN]
        return Listing(
            none="there are no join tokens; make one: boruta agent invite",
            headers=("ID", "For", "Uses left", "Until", "Made by"),
            rows=[
                (
                    token.id,
                    token.worker or "any board",
                    "any number" if token.uses is None else str(token.uses),
                    local_times(now).moment(token.expires) if token.expires > now else "ended",
                    token.issuer,
                )
                for token in tokens
            ],
            records=tokens,
            ids=[token.id for token in tokens],
        )

    print_listing(run(context, work), output_of(context, output), columns)


def revoke(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="WORKER",
            help="Names, UUIDs, unique prefixes.",
            autocompletion=worker_names,
        ),
    ],
) -> None:
    """Take agents' credentials away and close their links.

    Such a board comes in again only by an invitation for its UUID. A running job goes on to its
    end: send the worker to MAINTENANCE first to end it.
    """

    async def work(farm: Farm) -> None:
        for name in names:
            worker = await one_worker(farm, name)
            await farm.workers.revoke_agent(farm.caller, worker.uuid)
            say(f"the agent of {worker.name} is revoked")

    run(context, work)
