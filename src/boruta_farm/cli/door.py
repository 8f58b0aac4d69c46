"""``boruta door``: the SSH front door by itself."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.parts import server_installed


def door(
    ssh_addr: Annotated[
        str,
        typer.Option("--ssh-addr", metavar="HOST:PORT", help="Where to listen, such as :8022."),
    ],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="The farm's data folder.")],
) -> None:
    """Let people in by plain ssh, beside a server that uses the same data folder.

    boruta serve --ssh-addr starts one by itself; this is for a unit of its own. It goes on while
    the server is away, and ends on SIGTERM. Exits with 3 where another serves the folder.
    """
    with server_installed():
        from boruta_farm.frontdoor import process

        raise typer.Exit(process.main(["--data", str(data), "--ssh-addr", ssh_addr]))
