"""Verbs that let plain ssh find boards: the block for its configuration, and the door's key."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from boruta_farm.cli.console import configured, run, say
from boruta_farm.cli.own import own_command
from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import find_ssh
from boruta_farm.client.ssh_config import (
    KNOWN_HOSTS,
    DoorBlock,
    HttpsBlock,
    install,
    known_lines,
)
from boruta_farm.model.errors import NotFoundError
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.model.home import expand
from boruta_farm.model.via import Via


def ssh_config(
    context: typer.Context,
    identity: Annotated[
        Path | None,
        typer.Option(
            "--identity",
            "-i",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The key to come with, where ssh would not find it by itself.",
        ),
    ] = None,
    via: Annotated[
        Via,
        typer.Option(
            "--via",
            help="By the front door (door), which borrows what is named; or by the server's own "
            "port (https), to boards that you hold; auto: the door where there is one.",
        ),
    ] = Via.AUTO,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write ~/.ssh/boruta.config and the door's host key, and have ~/.ssh/config "
            "include it.",
        ),
    ] = False,
) -> None:
    """Print the block after which ssh rpi4.farm, scp, rsync, git and VS Code find boards.

    It leads *.farm through the farm's front door, which tells where you stand while you wait, and
    the host key of the board that you are given. With --write the door's own key is pinned, too.
    With --via https it needs no port but the server's: r42.farm is the board of your request 42.
    """
    host = _host(context)
    if via is Via.TUNNEL:
        raise typer.BadParameter("each board's tunnel has a port of its own; take door or https")

    async def work(farm: Farm) -> Path | None:
        try:
            place = None if via is Via.HTTPS else await farm.front_door()
        except NotFoundError:
            if via is not Via.AUTO:
                raise
            place = None
        if place is None:
            https = HttpsBlock(
                host=host, boruta=own_command(context, whole_path=True), identity=identity
            )
            if not write:
                print(https.text())
                return None
            return install(_folder(), https.text())
        block = DoorBlock(
            host=host,
            port=place.port,
            ssh=find_ssh(),
            identity=identity,
            known_hosts=_folder() / KNOWN_HOSTS if write else None,
        )
        if not write:
            print(block.text())
            return None
        return install(_folder(), block.text(), known_lines(host, place))

    main = run(context, work)
    if main is not None:
        say(f"boruta: {main} includes it: ssh rpi4.farm, or r42.farm for request 42")


def known_hosts(context: typer.Context) -> None:
    """Print what belongs into ssh's known_hosts: the front door's host key, the boards' authority.

    The line with @cert-authority is for names that end in .farm: by it ssh knows every board that
    shows a certificate of the farm's, whichever it is this time.
    """

    async def work(farm: Farm) -> FrontDoorPlace:
        return await farm.front_door()

    place = run(context, work)
    print(known_lines(_host(context), place))


def _folder() -> Path:
    """Return where ssh's configuration lies. Raises ConfigError for a user without a home."""
    return expand("~/.ssh", "--write")


def _host(context: typer.Context) -> str:
    return urlsplit(configured(context, quiet=True).server).hostname or "localhost"
