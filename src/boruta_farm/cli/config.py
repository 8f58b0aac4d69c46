"""Verbs on the server's configuration."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told
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
