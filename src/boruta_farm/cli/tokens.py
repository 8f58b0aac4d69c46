"""Verbs on tokens."""

from typing import Annotated

import typer

from boruta_farm.cli.console import clean, local_times, run, say
from boruta_farm.cli.options import ColumnsOption, OutputOption, output_of, read_duration
from boruta_farm.cli.tables import Listing, print_listing
from boruta_farm.client.farm import Farm
from boruta_farm.model.permission import Scope
from boruta_farm.model.token import Issued, NewToken, TokenKind


def list_tokens(
    context: typer.Context,
    account: Annotated[str | None, typer.Option("--account", help="Only this account's.")] = None,
    columns: ColumnsOption = None,
    output: OutputOption = None,
) -> None:
    """List the tokens that you may see; their secrets are shown to nobody."""

    async def work(farm: Farm) -> Listing:
        tokens = await farm.tokens.list_tokens(farm.caller, account)
        now = farm.now()
        return Listing(
            none="there are no tokens that you may see; make one: boruta token new",
            headers=("ID", "Account", "Name", "Kind", "Scope", "Until", "Made by"),
            rows=[
                (
                    token.id,
                    token.account_name,
                    token.name,
                    token.kind.value,
                    token.scope.value,
                    local_times(now).moment(token.expires),
                    token.issuer,
                )
                for token in tokens
            ],
            records=tokens,
            ids=[token.id for token in tokens],
        )

    print_listing(run(context, work), output_of(context, output), columns)


def new(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    scope: Annotated[
        Scope, typer.Option("--scope", case_sensitive=False, help="What it carries.")
    ] = Scope.REQUEST,
    lifetime: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long it lives.")
    ] = None,
    account: Annotated[
        str, typer.Option("--account", help="Whose; yours if not given (others': admins).")
    ] = "",
    service: Annotated[
        bool, typer.Option("--service", help="May live for a year; for admins to make.")
    ] = False,
) -> None:
    """Make a token and print it; it is shown only now."""
    wanted = NewToken(
        account=account,
        kind=TokenKind.SERVICE if service else TokenKind.PERSONAL,
        scope=scope,
        name=name,
        lifetime=read_duration(lifetime, "--for"),
    )

    async def work(farm: Farm) -> Issued:
        return await farm.tokens.issue(farm.caller, wanted)

    issued = run(context, work)
    until = local_times(issued.token.created).moment(issued.token.expires)
    say(
        f"token {issued.token.id} of {issued.token.account_name}, scope {issued.token.scope}, "
        f"until {until}; it is shown only now:"
    )
    print(clean(issued.secret))


def revoke(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids, as listed.")],
) -> None:
    """Make tokens worthless, at once."""

    async def work(farm: Farm) -> None:
        for token_id in ids:
            await farm.tokens.revoke(farm.caller, token_id)
            say(f"token {token_id} is revoked")

    run(context, work)
