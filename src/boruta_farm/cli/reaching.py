"""Verbs that reach a board in hand: copies of files, ports of its supervisor."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from boruta_farm.cli.options import BoardArgument, KeyOption, read_want
from boruta_farm.cli.ssh import SshRun, carry_out
from boruta_farm.cli.via import ViaOption
from boruta_farm.client.openssh import read_own_key
from boruta_farm.model.via import Via

ON_BOARD: Final = re.compile(r"([^/:]+):(.*)", re.DOTALL)
"""As for scp: what has a slash before its first colon is a path of ours."""
PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
HIGHEST_PORT: Final = 65535


def cp(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="A file or folder here, or ID:PATH or BOARD:PATH on a board."
        ),
    ],
    target: Annotated[str, typer.Argument(metavar="DST", help="The same; one of both is here.")],
    key: KeyOption = None,
    via: ViaOption = Via.AUTO,
) -> None:
    """Copy a file or folder to the board of a running request, or from it.

    A path on the board begins in the job's home; a path here that has a colon begins with ./ or /.
    Nothing is filed or closed. Exits with scp's status; 255 for failures of our own, 128 + n after
    signal n.
    """
    places = (source, target)
    found = [ON_BOARD.fullmatch(text) for text in places]
    there = [match for match in found if match is not None]
    if len(there) != 1:
        raise typer.BadParameter(
            "one of both must be on a board, such as 42:results or lab-rpi4:results, the other here"
        )
    ways = [
        match[2] if match is not None else Path(text)
        for match, text in zip(found, places, strict=True)
    ]
    _attach(context, there[0][1], key, via, copied=(ways[0], ways[1]))


def forward(
    context: typer.Context,
    target: BoardArgument,
    ports: Annotated[
        list[str],
        typer.Argument(
            metavar="[LOCAL:]PORT...",
            help="A port of the board's supervisor, and the one here that leads there.",
        ),
    ],
    key: KeyOption = None,
    via: ViaOption = Via.AUTO,
) -> None:
    """Let ports of this machine lead to those of a board's supervisor, until Ctrl-C.

    They listen on 127.0.0.1 alone. Nothing is filed or closed. Exits with ssh's status; 255 for
    failures of our own, 128 + n after signal n.
    """
    extra = ["-N", "-T", "-o", "ExitOnForwardFailure=yes", "-o", "RemoteCommand=none"]
    forwards = tuple(map(_ports, ports))
    for local, port in forwards:
        extra += ["-L", f"127.0.0.1:{local}:localhost:{port}"]
    _attach(context, target, key, via, extra=tuple(extra), forwards=forwards)


def _ports(text: str) -> tuple[int, int]:
    """Return the port here and that of the board. Raises BadParameter."""
    parts = text.split(":")
    known = [int(part) for part in parts if PORT.fullmatch(part) and 0 < int(part) <= HIGHEST_PORT]
    if len(parts) not in (1, 2) or len(known) != len(parts):
        raise typer.BadParameter(
            f"{text!r} names no port; write PORT or LOCAL:PORT, such as 8080:80"
        )
    return known[0], known[-1]


def _attach(
    context: typer.Context,
    target: str,
    key: str | None,
    via: Via,
    *,
    extra: tuple[str, ...] = (),
    copied: tuple[Path | str, Path | str] | None = None,
    forwards: tuple[tuple[int, int], ...] = (),
) -> None:
    want = read_want(target)
    request_id = None if want is None else want.request

    def wish() -> SshRun:
        return SshRun(
            new=None,
            want=want if request_id is None else None,
            request_id=request_id,
            wait=None,
            own=None if key is None else read_own_key(key),
            command=(),
            extra=extra,
            interactive=False,
            copied=copied,
            via=via,
            forwards=forwards,
        )

    carry_out(context, wish)
