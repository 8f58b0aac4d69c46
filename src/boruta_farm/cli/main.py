"""The command ``boruta``: every verb on one page."""

from typing import Annotated

import typer

from boruta_farm.cli import (
    config,
    demo,
    events,
    filing,
    importing,
    requests,
    serve,
    ssh,
    upkeep,
    version,
    workers,
)
from boruta_farm.cli.options import Output, Settings

HELP = """Lend boards: file requests, connect, look after the farm.

The server is --server, else BORUTA_SERVER, else the profile file
~/.config/boruta/config.toml, else http://127.0.0.1:8487. A token goes into BORUTA_TOKEN
or the profile file.

Exit status: 0 done, 1 failed, 2 wrong usage. 'boruta ssh' returns ssh's own status, 255
for its own failures and 128 + n after signal n.
"""


def _settings(
    context: typer.Context,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="The server to talk to.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="A profile of the file.")
    ] = None,
    ca_file: Annotated[
        str | None,
        typer.Option("--ca-file", metavar="FILE", help="The authority of the server's TLS."),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="A table for people, or json, jsonl, ids.")
    ] = Output.TABLE,
) -> None:
    context.obj = Settings(server=server, profile=profile, ca_file=ca_file, output=output)


def build() -> typer.Typer:
    """Return the application with all its verbs."""
    # Plain help: the decorated one would triple the time it takes to appear.
    app = typer.Typer(
        name="boruta",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_settings)
    app.command()(filing.new)
    app.command()(requests.ls)
    app.command()(requests.show)
    app.command()(filing.update)
    app.command()(filing.close)
    app.command()(requests.acquire)
    app.command()(filing.prolong)
    app.command(cls=ssh.CommandAfterDashes)(ssh.ssh)
    app.command()(workers.workers)
    app.add_typer(_worker(), name="worker")
    app.command()(events.events)
    app.command()(version.version)
    app.command()(serve.serve)
    app.add_typer(_config(), name="config")
    app.command()(demo.demo)
    return app


def _worker() -> typer.Typer:
    group = typer.Typer(
        help="Look after single workers.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command()(workers.show)
    group.command()(upkeep.idle)
    group.command()(upkeep.maintenance)
    group.command()(upkeep.groups)
    group.command()(upkeep.rename)
    group.command()(upkeep.deregister)
    group.command("import")(importing.import_)
    return group


def _config() -> typer.Typer:
    group = typer.Typer(help="The server's settings.", no_args_is_help=True, rich_markup_mode=None)
    group.command()(config.check)
    group.command()(config.example)
    group.command()(config.show)
    return group


app = build()


def main() -> None:
    """Run the command."""
    app()
