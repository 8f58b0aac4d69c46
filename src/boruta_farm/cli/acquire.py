"""``boruta acquire``: how to reach the board of a running request."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, run, say
from boruta_farm.cli.options import (
    IdArgument,
    Output,
    OutputOption,
    WaitOption,
    output_of,
    read_duration,
)
from boruta_farm.cli.own import own_command
from boruta_farm.cli.progress import Spinner
from boruta_farm.cli.tables import print_record
from boruta_farm.cli.via import ViaOption
from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import (
    Files,
    command_line,
    configuration,
    known_hosts_line,
    write_private,
)
from boruta_farm.client.session import wait_for_board
from boruta_farm.client.tellable import check_tellable
from boruta_farm.client.way import DIRECT, BoardWay
from boruta_farm.client.ways import find_way
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.via import Via
from boruta_farm.model.worker import AccessInfo


def acquire(
    context: typer.Context,
    request_id: IdArgument,
    wait: WaitOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FOLDER",
            help="Write key, known_hosts and config (for ssh -F) into a new folder.",
        ),
    ] = None,
    via: ViaOption = Via.TUNNEL,
    output: OutputOption = None,
) -> None:
    """Tell how to reach a running request's board; the private key with --save or -o json."""
    form = output_of(context, output)
    patience = read_duration(wait, "--wait")

    async def work(farm: Farm) -> tuple[AccessInfo, BoardWay]:
        if patience is not None:
            with Spinner(farm) as spinner:
                await wait_for_board(farm, request_id, patience, spinner.report, stays=True)
        access = await farm.requests.acquire_worker(farm.caller, request_id)
        return access, await find_way(farm, request_id, access, via)

    access, way = run(context, work, f"request {request_id}")
    facts = {"Address": access.host, "Port": str(access.port), "User": access.username}
    if access.host_key is not None:
        facts["Host key"] = access.host_key
    if save is not None:
        with failures_told():
            files = save_access(
                access, save.absolute(), f"boruta-{request_id}", _lasting(context, way, request_id)
            )
        facts["Connect"] = shlex.join(command_line("ssh", access, files))
        config = shlex.quote(str(save.absolute() / "config"))
        facts["By name"] = f"ssh -F {config} boruta-{request_id}"
    elif form is Output.TABLE:
        say(
            f"the private key is not shown; use --save FOLDER, -o json, or: boruta ssh {request_id}"
        )
    print_record(facts, access, str(request_id), form)


def _lasting(context: typer.Context, way: BoardWay, request_id: int) -> BoardWay:
    """Return a way by commands that find the farm, and a token for it, by themselves."""
    if way.via is not Via.HTTPS:
        return way
    return replace(way, words=(*own_command(context), "proxy", str(request_id)), config=None)


def save_access(access: AccessInfo, folder: Path, name: str, way: BoardWay = DIRECT) -> Files:
    """Write an access into a new private folder, with a configuration. Raises ConfigError."""
    check_tellable(folder)
    door = None if way.door is None else folder / "door"
    files = Files(
        proxy=way.proxy_command(door),
        identity=folder / "key" if access.key else None,
        known_hosts=folder / "known_hosts" if access.host_key is not None else None,
    )
    # What is wrong with them is known before the first file is there.
    texts = {folder / "config": configuration(name, access, files)}
    if files.identity is not None:
        texts[files.identity] = access.key
    if files.known_hosts is not None:
        texts[files.known_hosts] = known_hosts_line(access)
    if door is not None and way.door is not None:
        texts[door] = way.door
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise ConfigError(f"{folder} exists already; name a new folder for --save") from None
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        for path, text in texts.items():
            write_private(path, text)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return files
