"""``boruta proxy``: bytes to a board's ssh over the server's own port."""

import asyncio
from typing import Annotated

import typer

from boruta_farm.cli.console import configured, failures_told
from boruta_farm.cli.options import BoardArgument, read_want
from boruta_farm.cli.selection import running_on
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.client.wire import checked_host_key
from boruta_farm.model.errors import NotFoundError
from boruta_farm.model.front_door import DOMAIN
from boruta_farm.selectors.want import Want


def proxy(
    context: typer.Context,
    target: BoardArgument,
    host_key: Annotated[
        bool,
        typer.Option(
            "--host-key", help="Print the board's host key instead, for ssh's KnownHostsCommand."
        ),
    ] = False,
) -> None:
    """Carry bytes to a board's ssh over the server's own port: ssh's ProxyCommand.

    ssh -o 'ProxyCommand=boruta proxy 42' boruta-user@board needs no port but the server's, and a
    key that the board knows: one of your account, or that of boruta new --key. A board's name may
    end in .farm. Nothing is filed or closed. Ends when the board, the job or ssh does.
    """
    want = read_want(target.removesuffix(DOMAIN))
    assert want is not None
    config = configured(context, quiet=True)
    with failures_told():
        if host_key:
            print(f"{target} {asyncio.run(_host_key(config, want))}")
            return
        request_id = want.request
        if request_id is None:
            request_id = asyncio.run(_request(config, want))
    from boruta_farm.client.tunnel import main

    raise typer.Exit(main(config, request_id))


async def _request(config: ClientConfig, want: Want) -> int:
    async with connect(config) as farm:
        return await running_on(farm, str(want))


async def _host_key(config: ClientConfig, want: Want) -> str:
    async with connect(config) as farm:
        request_id = want.request or await running_on(farm, str(want))
        access = await farm.requests.acquire_worker(farm.caller, request_id)
    if access.host_key is None:
        raise NotFoundError("the board tells no host key")
    return checked_host_key(access.host_key)
