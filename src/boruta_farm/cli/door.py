"""``boruta door``: the SSH front door by itself."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, say
from boruta_farm.cli.parts import server_installed


def door(
    ssh_addr: Annotated[
        str | None,
        typer.Option("--ssh-addr", metavar="HOST:PORT", help="Where to listen, such as :8022."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="The farm's data folder.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The server's settings.")
    ] = None,
) -> None:
    """Let people in by plain ssh, beside a server that uses the same data folder.

    boruta serve --ssh-addr starts one by itself; this is for a unit of its own, with start_door =
    false. It goes on while the server is away, and ends on SIGTERM. Exits with 3 where another
    serves the folder, with 0 where ssh_addr is not set.
    """
    given = {"ssh_addr": ssh_addr, "data": data}
    overrides = {name: value for name, value in given.items() if value is not None}
    with failures_told(), server_installed():
        from boruta_farm.frontdoor import process
        from boruta_farm.model.addresses import with_port
        from boruta_farm.server.config import load

        settings = load(config, overrides=overrides)
        if settings.ssh_addr is None:
            say("boruta: ssh_addr is not set: nobody is to come by plain ssh")
            return
        where = ["--data", str(settings.data), "--ssh-addr", with_port(*settings.ssh_addr)]
        raise typer.Exit(process.main(where))
