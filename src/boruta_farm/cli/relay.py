"""``boruta relay``: the relay of a site, where its boards are."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, say
from boruta_farm.cli.options import Settings
from boruta_farm.cli.parts import server_installed
from boruta_farm.model.errors import ConfigError


def relay(
    context: typer.Context,
    site: Annotated[str, typer.Option("--site", metavar="NAME", help="The site it is for.")],
    server: Annotated[
        list[str],
        typer.Option(
            "--server",
            metavar="URL",
            envvar="BORUTA_SERVER",
            help="A server of the farm; repeated for each there is.",
        ),
    ],
    credential: Annotated[
        Path,
        typer.Option(
            "--credential", metavar="FILE", help="The relay's own secret; made at the first start."
        ),
    ],
    listen: Annotated[
        str,
        typer.Option(
            "--listen", metavar="IP", help="The address of the boards' ports; without it, all."
        ),
    ] = "",
) -> None:
    """Carry the sessions of a site's boards, connected outward to the farm's servers.

    It runs until SIGINT or SIGTERM. What the servers are to be told of it is printed at the first
    start, and stands in its log while they do not know it.
    """
    given: Settings = context.obj
    with failures_told(), server_installed():
        from boruta_farm.access.site_process import (
            SiteRelayPlan,
            digest_of,
            load_credential,
            serve_site,
        )
        from boruta_farm.client.config import load

        _check(site, server, listen)
        try:
            secret, new = load_credential(credential)
        except OSError as error:
            raise ConfigError(f"--credential: {credential}: {error.strerror}") from None
        _check_secret(credential, secret)
        if new:
            for line in (
                "the settings of each of the farm's servers need this:",
                "",
                f"[site.{site}]",
                'address = "..."  # the IP address at which people reach this machine',
                f'credential = "{digest_of(secret)}"',
                "",
            ):
                say(line)
        serve_site(
            SiteRelayPlan(
                site=site,
                servers=tuple(server),
                listen=listen,
                ca_file=load(server=server[0], ca_file=given.ca_file, anonymous=True).ca_file,
                credential=secret,
            )
        )


def _check(site: str, servers: list[str], listen: str) -> None:
    """Refuse what cannot be meant. Raises ConfigError."""
    from boruta_farm.model.addresses import parse_ip
    from boruta_farm.model.site import SITE_NAME
    from boruta_farm.settings.places import Url
    from boruta_farm.settings.table import SettingError

    if not SITE_NAME.fullmatch(site):
        raise ConfigError(
            f"--site: {site!r} is no name of a site; write small letters, digits and -, at most 32"
        )
    if listen and parse_ip(listen) is None:
        raise ConfigError(f"--listen: {listen!r} is no IP address")
    for server in servers:
        try:
            Url(("http", "https")).read(server)
        except SettingError as wrong:
            raise ConfigError(f"--server: {wrong}") from None


def _check_secret(path: Path, secret: str) -> None:
    """Refuse a file that others can read, or that holds no credential. Raises ConfigError."""
    from boruta_farm.access.site_process import SECRET_BYTES
    from boruta_farm.settings.privacy import exposure

    if words := exposure(path):
        raise ConfigError(f"--credential: {path}: {words}")
    if len(secret) < SECRET_BYTES:
        raise ConfigError(
            f"--credential: {path} holds no credential; remove the file, and one is made"
        )
