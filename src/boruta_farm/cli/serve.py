"""``boruta serve``: run the farm's server."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told
from boruta_farm.cli.parts import server_installed


def serve(
    api_addr: Annotated[
        str | None,
        typer.Option(
            *("--api-addr", "-api-addr"), metavar="HOST:PORT", help="Where the HTTP API listens."
        ),
    ] = None,
    rpc_addr: Annotated[
        str | None,
        typer.Option(
            *("--rpc-addr", "-rpc-addr"),
            metavar="HOST:PORT",
            help="Where original boards register.",
        ),
    ] = None,
    rpc_allow: Annotated[
        list[str] | None,
        typer.Option(
            "--rpc-allow",
            metavar="NETWORK",
            help="A network whose addresses any original board may register; repeatable.",
        ),
    ] = None,
    ssh_addr: Annotated[
        str | None,
        typer.Option(
            "--ssh-addr",
            metavar="HOST:PORT",
            help="Where people come by plain ssh, such as :8022.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Where the farm's data lies.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="ADDRESS", help="postgresql://... instead of SQLite."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings; see: config example.")
    ] = None,
    tls_certificate: Annotated[
        str | None,
        typer.Option("--tls-certificate", metavar="FILE", help="Certificate chain (PEM): use TLS."),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key (PEM).")
    ] = None,
    allow_plaintext: Annotated[
        bool,
        typer.Option("--allow-plaintext", help="Listen beyond this machine without TLS."),
    ] = False,
    users: Annotated[
        bool, typer.Option("--users", help="Ask every call for a token; see: boruta login.")
    ] = False,
    allow_anonymous: Annotated[
        bool,
        typer.Option("--allow-anonymous", help="Listen beyond this machine without any login."),
    ] = False,
) -> None:
    """Run the farm's server until SIGINT or SIGTERM."""
    given = {
        "api_addr": api_addr,
        "rpc_addr": rpc_addr,
        "rpc_allow": ",".join(rpc_allow) if rpc_allow else None,
        "ssh_addr": ssh_addr,
        "data": data,
        "database": database,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
    }
    overrides: dict[str, str | int | float | bool | list[object]] = {
        name: value for name, value in given.items() if value is not None
    }
    if allow_plaintext:
        overrides["allow_plaintext"] = True
    if users:
        overrides["users"] = True
    if allow_anonymous:
        overrides["allow_anonymous"] = True
    with failures_told(), server_installed():
        from boruta_farm.server import main
        from boruta_farm.server.config import load

        main.serve(load(config, overrides=overrides))
