"""``boruta version``: what runs here and there."""

from typing import TYPE_CHECKING

import typer

from boruta_farm import __version__
from boruta_farm.cli.options import Output, OutputOption, output_of

if TYPE_CHECKING:
    from boruta_farm.client.farm import Farm
    from boruta_farm.model.version import Version


def version(context: typer.Context, output: OutputOption = None) -> None:
    """Print the versions of this client and of the server."""
    form = output_of(context, output)
    if form is Output.TABLE:
        print(f"client  {__version__}", flush=True)
    # What asks the farm takes most of the time: by then there is something to read (issue 14).
    from boruta_farm.cli.console import clean, run

    async def work(farm: "Farm") -> "Version":
        return await farm.version()

    found = run(context, work)
    if form is Output.TABLE:
        print(clean(f"server  {found.server} (API {found.api})"))
    else:
        record = {"Client": __version__, "Server": found.server, "API_Version": found.api}
        from boruta_farm.cli.tables import as_json

        print(as_json(record))
