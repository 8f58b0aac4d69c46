"""Verbs on the server's configuration."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import clean, failures_told, say
from boruta_farm.cli.parts import server_installed
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.service import service_account
from boruta_farm.settings import document

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The configuration file, if any.")
]


def check(
    path: FileArgument = None,
    user: Annotated[
        str,
        typer.Option("--user", help="Whom the service runs as, tried by root where there is one."),
    ] = "boruta",
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Also ask sign-in providers and CI systems what they publish."),
    ] = False,
) -> None:
    """Refuse what serve would refuse at start, in the same words; change nothing.

    The environment's settings count too. A server may be running meanwhile. Root tries all files as
    the service's user would: what only root can read is of no use to it.
    """
    with failures_told(), server_installed():
        from boruta_farm.server.checking import check as try_all

        whom = try_all(path, user)
        if ask:
            _ask(path)
    print(f"{path or 'the configuration'} is good{f' for the user {whom}' if whom else ''}")


def _ask(path: Path | None) -> None:
    """Print what those publish who are to vouch for others. Raises ConfigError if one does not."""
    from boruta_farm.clock import SystemClock
    from boruta_farm.server.config import load

    config = load(path)
    if not (config.providers or config.workloads):
        say("nobody vouches for others here: there is neither a [provider.NAME] nor a rule")
        return
    from boruta_farm.oidc.asking import ask

    findings = asyncio.run(ask(config.providers, config.workloads, SystemClock()))
    for one in findings:
        print(clean(f"{one.name}: {one.words}"))
    bad = [one.name for one in findings if not one.good]
    if bad:
        raise ConfigError(f"{', '.join(bad)}: nobody can sign in by it as it stands; see above")


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
        from boruta_farm.server.checking import SERVICE

        files = make_certificate(folder, hosts, datetime.now(UTC))
        account = service_account(SERVICE)
        if account is not None:
            # The package's server is not root.
            os.chown(files.key, 0, account.pw_gid)
            files.key.chmod(0o640)
    print(f"boruta serve --tls-certificate {files.certificate} --tls-key {files.key}")
    say(f"clients and agents need {files.authority}")
