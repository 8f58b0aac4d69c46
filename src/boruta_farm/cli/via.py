"""``--via``: by which way ssh gets to a board."""

from typing import Annotated

import typer

from boruta_farm.model.via import Via

ViaOption = Annotated[
    Via,
    typer.Option(
        "--via",
        help="How ssh gets to the board: its own port (tunnel), the front door (door), the "
        "server's own port (https), or what is found to work (auto).",
    ),
]
