"""``boruta backup`` and ``boruta restore``: on the server's own machine."""

from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, say
from boruta_farm.cli.parts import server_installed
from boruta_farm.words.counts import count

DataOption = Annotated[
    str | None, typer.Option("--data", metavar="FOLDER", help="Where the farm's data lies.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="ADDRESS", help="postgresql://... instead of SQLite."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The server's settings.")
]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(
    file: FileArgument,
    with_key: Annotated[
        bool,
        typer.Option("--with-key", help="Save the secret key too, as FILE.secret.key."),
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Save the farm into a file, checked, while its server runs or not."""
    with failures_told(), server_installed():
        from boruta_farm.server.backup import back_up
        from boruta_farm.server.config import load

        farm = back_up(load(config, overrides=_given(data, database)), file, with_key=with_key)
    say(f"farm {farm} is saved in {file}, and was read back whole")


def restore(
    file: FileArgument,
    replace: Annotated[
        bool, typer.Option("--replace", help="Set the database that is there aside.")
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Bring the farm back from a backup, while its server is stopped."""
    with failures_told(), server_installed():
        from boruta_farm.server.backup import restore as bring_back
        from boruta_farm.server.config import load

        found = bring_back(load(config, overrides=_given(data, database)), file, replace=replace)
    say(f"farm {found.farm_id} is restored; the next request is {found.first_id}")
    clean = "itself clean before it is" if found.boards == 1 else "themselves clean before they are"
    say(f"{count(found.boards, 'board')} must prove {clean} lent")
    say("what was changed after the backup is gone: revoke anew what was revoked since")
    if found.former is not None:
        say(f"the former database is {found.former}")


def _given(
    data: str | None, database: str | None
) -> dict[str, str | int | float | bool | list[object]]:
    given = {"data": data, "database": database}
    return {name: value for name, value in given.items() if value is not None}
