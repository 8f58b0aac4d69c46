"""Verbs on the server's configuration."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, say
from boruta_farm.cli.parts import server_installed

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The configuration file, if any.")
]


def check(path: FileArgument = None) -> None:
    """Check a configuration, the environment's settings included."""
    with failures_told(), server_installed():
        from boruta_farm.server.config import load

        load(path)
    print(f"{path or 'the configuration'} is good")


def example() -> None:
    """Print a commented file with every setting at its default."""
    with failures_told(), server_installed():
        from boruta_farm.server.config import example as text

        print(text())


def show(path: FileArgument = None) -> None:
    """Print the settings in force: defaults, file, environment."""
    with failures_told(), server_installed():
        from boruta_farm.server.config import describe, load

        print(describe(load(path)), end="")


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
