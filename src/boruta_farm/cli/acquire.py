"""``boruta acquire``: how to reach the board of a running request."""

import shlex
import shutil
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
from boruta_farm.cli.progress import Spinner
from boruta_farm.cli.tables import print_record
from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import (
    Files,
    check_tellable,
    command_line,
    configuration,
    known_hosts_line,
    write_private,
)
from boruta_farm.client.session import wait_for_board
from boruta_farm.model.errors import ConfigError
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
    output: OutputOption = None,
) -> None:
    """Tell how to reach a running request's board; the private key with --save or -o json."""
    form = output_of(context, output)
    patience = read_duration(wait, "--wait")

    async def work(farm: Farm) -> AccessInfo:
        if patience is not None:
            with Spinner(farm) as spinner:
                await wait_for_board(farm, request_id, patience, spinner.report, stays=True)
        return await farm.requests.acquire_worker(farm.caller, request_id)

    access = run(context, work, f"request {request_id}")
    facts = {"Address": access.host, "Port": str(access.port), "User": access.username}
    if access.host_key is not None:
        facts["Host key"] = access.host_key
    if save is not None:
        with failures_told():
            files = save_access(access, save.absolute(), f"boruta-{request_id}")
        facts["Connect"] = shlex.join(command_line("ssh", access, files))
        config = shlex.quote(str(save.absolute() / "config"))
        facts["By name"] = f"ssh -F {config} boruta-{request_id}"
    elif form is Output.TABLE:
        say(
            f"the private key is not shown; use --save FOLDER, -o json, or: boruta ssh {request_id}"
        )
    print_record(facts, access, str(request_id), form)


def save_access(access: AccessInfo, folder: Path, name: str) -> Files:
    """Write an access into a new private folder, with a configuration. Raises ConfigError."""
    check_tellable(folder)
    files = Files(
        identity=folder / "key" if access.key else None,
        known_hosts=folder / "known_hosts" if access.host_key is not None else None,
    )
    # What is wrong with them is known before the first file is there.
    texts = {folder / "config": configuration(name, access, files)}
    if files.identity is not None:
        texts[files.identity] = access.key
    if files.known_hosts is not None:
        texts[files.known_hosts] = known_hosts_line(access)
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
