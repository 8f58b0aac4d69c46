"""Verbs on the server's configuration."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, say
from boruta_farm.cli.parts import server_installed
from boruta_farm.settings import document

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The configuration file, if any.")
]


def check(path: FileArgument = None) -> None:
    """Refuse what serve would refuse at start, in the same words; change nothing.

    The environment's settings count too. A server may be running meanwhile.
    """
    with failures_told(), server_installed():
        from boruta_farm.server.config import load
        from boruta_farm.server.main import check as check_start

        check_start(load(path))
    print(f"{path or 'the configuration'} is good")


def example() -> None:
    """Print a commented file with every setting at its default."""
    with failures_told(), server_installed():
        from boruta_farm.server.config import Config

    print("# Boruta's server. Every setting is optional; the values shown are the defaults.\n")
    print(document.example(Config))


def show(path: FileArgument = None) -> None:
    """Print the settings in force: defaults, file, environment."""
    with failures_told(), server_installed():
        from boruta_farm.server.config import load

        print(document.describe(load(path)), end="")


def certificate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")],
    hosts: Annotated[
        list[str],
        typer.Option("--host", metavar="NAME", help="A name or address of the server; repeatable."),
    ],
) -> None:
    """Make a certificate for the server, signed by an authority made for it alone.

    For labs without an authority of their own. ca.pem is for clients and agents (--ca-file,
    ca_file), farm.pem and farm.key are for the server. Good for a year.
    """
    with failures_told(), server_installed():
        from boruta_farm.server.authority import make_certificate

        files = make_certificate(folder, hosts, datetime.now(UTC))
    print(f"boruta serve --tls-certificate {files.certificate} --tls-key {files.key}")
    say(f"clients and agents need {files.authority}")
