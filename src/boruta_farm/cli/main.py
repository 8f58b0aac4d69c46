"""The command ``boruta``: every verb on one page."""

import gc
import signal
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from boruta_farm import __version__
from boruta_farm.cli.called import learn_verbs
from boruta_farm.cli.options import Output, Settings
from boruta_farm.cli.verbs import WORDS, Family, Verb, group_of
from boruta_farm.model.output import output_told

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


VERBS: Mapping[str, Verb | Family] = {
    "new": Verb(place="filing:new", elsewhere=("reserve", "submit", "lock")),
    "ls": Verb(
        place="requests:ls", elsewhere=("list", "requests", "jobs", "queue", "reservations")
    ),
    "history": Verb(place="history:history"),
    "show": Verb(place="show:show", elsewhere=("status", "info")),
    "explain": Verb(place="explain:explain", elsewhere=("why",)),
    "update": Verb(place="filing:update"),
    "close": Verb(place="filing:close", elsewhere=("cancel", "stop", "delete", "unlock")),
    "release": Verb(place="filing:close", help="The same as close."),
    "acquire": Verb(place="acquire:acquire"),
    "prolong": Verb(place="filing:prolong", elsewhere=("extend", "renew")),
    "nudge": Verb(place="nudge:nudge"),
    "share": Verb(place="sharing:share"),
    "unshare": Verb(place="sharing:unshare"),
    "ssh": Verb(place="ssh:ssh", reader="ssh:CommandAfterDashes", elsewhere=("shell", "connect")),
    "run": Verb(place="running:run_command", reader="ssh:CommandAfterDashes"),
    "cp": Verb(place="reaching:cp", elsewhere=("scp", "rsync", "put", "get")),
    "forward": Verb(place="reaching:forward"),
    "proxy": Verb(place="proxying:proxy"),
    "ssh-config": Verb(place="ssh_config:ssh_config"),
    "known-hosts": Verb(place="ssh_config:known_hosts"),
    "power": Verb(place="device:power", settings=WORDS),
    "press": Verb(place="device:press", settings=WORDS),
    "do": Verb(place="device:do", settings=WORDS),
    "screen": Verb(place="device:screen"),
    "flash": Verb(place="device:flash"),
    "console": Verb(place="device_console:console", settings=WORDS, elsewhere=("log", "serial")),
    "labgrid": Verb(place="foreign:labgrid"),
    "twister": Verb(place="foreign:twister"),
    "workers": Verb(
        place="workers:workers", elsewhere=("boards", "devices", "places", "resources")
    ),
    "worker": Family(
        help="Look after single workers.",
        verbs={
            "show": Verb(place="workers:show"),
            "borrow": Verb(place="borrowing:borrow", reader="ssh:CommandAfterDashes"),
            "idle": Verb(place="upkeep:idle"),
            "maintenance": Verb(place="upkeep:maintenance"),
            "groups": Verb(place="upkeep:groups"),
            "set": Verb(place="upkeep:change"),
            "rename": Verb(place="upkeep:rename"),
            "deregister": Verb(place="upkeep:deregister"),
            "import": Verb(place="importing:import_"),
        },
    ),
    "watch": Verb(place="watch:watch"),
    "events": Verb(place="events:events", elsewhere=("follow",)),
    "login": Verb(place="login:login"),
    "logout": Verb(place="login:logout"),
    "whoami": Verb(place="login:whoami"),
    "user": Family(
        help="Accounts.",
        verbs={
            "list": Verb(place="users:list_users"),
            "show": Verb(place="users:show"),
            "add": Verb(place="users:add"),
            "set": Verb(place="users:change"),
            "invite": Verb(place="users:invite"),
            "remove": Verb(place="users:remove"),
            "rescue": Verb(place="users:rescue"),
            "notify": Verb(place="users:notify"),
            "key": Family(
                help="SSH keys.",
                verbs={
                    "add": Verb(place="users:add_key"),
                    "remove": Verb(place="users:remove_key"),
                },
            ),
        },
    ),
    "group": Family(
        help="Groups of accounts.",
        verbs={
            "list": Verb(place="groups:list_groups"),
            "add": Verb(place="groups:add"),
            "set": Verb(place="groups:change"),
            "remove": Verb(place="groups:remove"),
        },
    ),
    "token": Family(
        help="Tokens.",
        verbs={
            "list": Verb(place="tokens:list_tokens"),
            "new": Verb(place="tokens:new"),
            "revoke": Verb(place="tokens:revoke"),
        },
    ),
    "agent": Family(
        help="Boards' agents.",
        verbs={
            "invite": Verb(place="agents:invite"),
            "list": Verb(place="agents:list_agents"),
            "invitations": Verb(place="agents:invitations"),
            "revoke": Verb(place="agents:revoke"),
        },
    ),
    "audit": Verb(place="audit:audit"),
    "clock": Family(
        help="The farm's time.",
        verbs={
            "show": Verb(place="clock:show"),
            "adopt": Verb(place="clock:adopt"),
        },
    ),
    "apply": Verb(place="apply:apply"),
    "export": Verb(place="apply:export"),
    "version": Verb(place="version:version"),
    "serve": Verb(place="serve:serve"),
    "door": Verb(place="door:door"),
    "relay": Verb(place="relay:relay"),
    "backup": Verb(place="backup:backup"),
    "restore": Verb(place="backup:restore"),
    "config": Family(
        help="The server's settings.",
        verbs={
            "check": Verb(place="config:check"),
            "example": Verb(place="config:example"),
            "show": Verb(place="config:show"),
            "certificate": Verb(place="config:certificate"),
        },
    ),
    "mcp": Verb(place="mcp:mcp"),
    "demo": Verb(place="demo:demo"),
}
"""What may follow ``boruta``, in the order of its help."""


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
        from boruta_farm.cli.start import tell_next_steps

        tell_next_steps(context)


def build() -> typer.Typer:
    """Return the application with all its verbs."""
    # Plain help: the decorated one would triple the time it takes to appear.
    app = typer.Typer(
        name="boruta",
        cls=group_of(VERBS),
        help=HELP,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_settings)
    learn_verbs(VERBS)
    return app


app = build()


def main() -> None:
    """Run the command; called as the original's server is, it is ``boruta serve``."""
    # What is imported stays: to look again and again for what does not costs a short command a
    # twentieth of its time.
    gc.set_threshold(100_000)
    # httpx brings a command line of its own, with Rich and Pygments, which takes a while to import.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # so that its import is refused
    given = sys.argv[1:]
    if given and given[0].partition("=")[0] in SERVER_FLAGS:
        given.insert(0, "serve")
    with output_told("boruta"):
        try:
            app(given)
        except KeyboardInterrupt:
            # It came while the command was imported; the library of options sees to all others.
            sys.exit(128 + signal.SIGINT)
