"""The command ``boruta``: every verb on one page."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from boruta_farm import __version__
from boruta_farm.cli import (
    agents,
    apply,
    audit,
    backup,
    clock,
    config,
    demo,
    device,
    device_console,
    events,
    explain,
    filing,
    groups,
    history,
    importing,
    login,
    reaching,
    requests,
    running,
    serve,
    sharing,
    ssh,
    start,
    tokens,
    upkeep,
    users,
    version,
    workers,
)
from boruta_farm.cli.options import Output, Settings
from boruta_farm.model.output import output_told
from boruta_farm.model.token import conceal

SERVER_FLAGS = ("-api-addr", "-rpc-addr", "--api-addr", "--rpc-addr")
"""The flags of the original's server, which has no verbs: its units start ours."""

HELP = """Lend boards: file requests, connect, look after the farm.

Without a command it tells the three next steps for this farm.

The server is --server, else BORUTA_SERVER, else the profile file
~/.config/boruta/config.toml, else http://127.0.0.1:8487. A token goes into BORUTA_TOKEN
or the profile file.

Exit status: 0 done, 1 failed, 2 wrong usage. 'boruta ssh' returns ssh's own status, 255
for its own failures and 128 + n after signal n; 'boruta run' the command's, and 193 to 199
where that is not known; power, press, do, screen and flash return dut's.
"""


UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
"""Wrong usage of any kind; Typer does not publish it."""


class Verbs(TyperGroup):
    """Complain about wrong usage without repeating a token that was typed as an argument.

    Typer does not publish the types that reach these methods.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs with what each does, whole: lines are broken, not cut."""
        rows = [
            (name, command.get_short_help_str(len(command.help or "")))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the options before the verb."""
        with _concealed():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read what follows the verb, and run it."""
        with _concealed():
            return super().invoke(ctx)


@contextmanager
def _concealed() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        error.message = conceal(error.message)
        raise


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"boruta version {__version__}")
        raise typer.Exit


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
    _version: Annotated[
        bool,
        typer.Option(
            *("--version", "-version"),
            is_eager=True,
            callback=_tell_version,
            help="Print this program's version.",
        ),
    ] = False,
) -> None:
    context.obj = Settings(server=server, profile=profile, ca_file=ca_file, output=output)
    if context.invoked_subcommand is None:
        start.tell_next_steps(context)


def build() -> typer.Typer:
    """Return the application with all its verbs."""
    # Plain help: the decorated one would triple the time it takes to appear.
    app = typer.Typer(
        name="boruta",
        cls=Verbs,
        help=HELP,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_settings)
    app.command()(filing.new)
    app.command()(requests.ls)
    app.command()(history.history)
    app.command()(requests.show)
    app.command()(explain.explain)
    app.command()(filing.update)
    app.command()(filing.close)
    app.command("release", help="The same as close.")(filing.close)
    app.command()(requests.acquire)
    app.command()(filing.prolong)
    app.command()(sharing.share)
    app.command()(sharing.unshare)
    app.command(cls=ssh.CommandAfterDashes)(ssh.ssh)
    app.command("run", cls=ssh.CommandAfterDashes)(running.run_command)
    app.command()(reaching.cp)
    app.command()(reaching.forward)
    app.command(context_settings=device.WORDS)(device.power)
    app.command(context_settings=device.WORDS)(device.press)
    app.command(context_settings=device.WORDS)(device.do)
    app.command()(device.screen)
    app.command()(device.flash)
    app.command(context_settings=device.WORDS)(device_console.console)
    app.command()(workers.workers)
    app.add_typer(_worker(), name="worker")
    app.command()(events.events)
    app.command()(login.login)
    app.command()(login.logout)
    app.command()(login.whoami)
    app.add_typer(_user(), name="user")
    app.add_typer(_group(), name="group")
    app.add_typer(_token(), name="token")
    app.add_typer(_agent(), name="agent")
    app.command()(audit.audit)
    app.add_typer(_clock(), name="clock")
    app.command()(apply.apply)
    app.command()(apply.export)
    app.command()(version.version)
    app.command()(serve.serve)
    app.command()(backup.backup)
    app.command()(backup.restore)
    app.add_typer(_config(), name="config")
    app.command()(demo.demo)
    return app


def _worker() -> typer.Typer:
    group = typer.Typer(
        help="Look after single workers.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs
    )
    group.command()(workers.show)
    group.command()(upkeep.idle)
    group.command()(upkeep.maintenance)
    group.command()(upkeep.groups)
    group.command("set")(upkeep.change)
    group.command()(upkeep.rename)
    group.command()(upkeep.deregister)
    group.command("import")(importing.import_)
    return group


def _user() -> typer.Typer:
    group = typer.Typer(help="Accounts.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs)
    group.command("list")(users.list_users)
    group.command()(users.show)
    group.command()(users.add)
    group.command("set")(users.change)
    group.command()(users.invite)
    group.command()(users.remove)
    group.command()(users.rescue)
    keys = typer.Typer(help="SSH keys.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs)
    keys.command("add")(users.add_key)
    keys.command("remove")(users.remove_key)
    group.add_typer(keys, name="key")
    return group


def _group() -> typer.Typer:
    group = typer.Typer(
        help="Groups of accounts.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs
    )
    group.command("list")(groups.list_groups)
    group.command()(groups.add)
    group.command("set")(groups.change)
    group.command()(groups.remove)
    return group


def _token() -> typer.Typer:
    group = typer.Typer(help="Tokens.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs)
    group.command("list")(tokens.list_tokens)
    group.command()(tokens.new)
    group.command()(tokens.revoke)
    return group


def _agent() -> typer.Typer:
    group = typer.Typer(
        help="Boards' agents.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs
    )
    group.command()(agents.invite)
    group.command("list")(agents.list_agents)
    group.command()(agents.invitations)
    group.command()(agents.revoke)
    return group


def _clock() -> typer.Typer:
    group = typer.Typer(
        help="The farm's time.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs
    )
    group.command()(clock.show)
    group.command()(clock.adopt)
    return group


def _config() -> typer.Typer:
    group = typer.Typer(
        help="The server's settings.", no_args_is_help=True, rich_markup_mode=None, cls=Verbs
    )
    group.command()(config.check)
    group.command()(config.example)
    group.command()(config.show)
    group.command()(config.certificate)
    return group


app = build()


def main() -> None:
    """Run the command; called as the original's server is, it is ``boruta serve``."""
    # httpx brings a command line of its own, with Rich and Pygments, which takes a while to import.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # so that its import is refused
    given = sys.argv[1:]
    if given and given[0].partition("=")[0] in SERVER_FLAGS:
        given.insert(0, "serve")
    with output_told("boruta"):
        app(given)
