"""``dryad detect``: look for what could be a tool, and print tables to paste."""

import argparse
import asyncio
from collections.abc import Sequence

from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.plugins import installed
from boruta_farm.dryad.tools.base import TOOLS
from boruta_farm.dryad.tools.found import Found, find_here, find_hubs
from boruta_farm.dryad.tools.sockets import ask_sockets
from boruta_farm.settings.document import toml_value

FOUND, NOTHING = 0, 1
HEAD = "# Paste what belongs to this board into its dryad.conf, and name the tools as you like.\n"


def main(arguments: Sequence[str]) -> int:
    """Print a table for each thing that was found; 1 when nothing was."""
    options = _options(arguments)
    found = asyncio.run(_find(options.ask))
    if not found:
        print("nothing was found; name power sockets with --ask http://10.0.0.7")
        return NOTHING
    print(tables(found, installed(TOOLS)))
    return FOUND


def tables(found: Sequence[Found], drivers: Sequence[str]) -> str:
    """Return the tables as TOML; those whose driver is not installed are comments."""
    parts, names = [HEAD], set()
    for each in found:
        name, number = each.name, 2
        while name in names:
            name, number = f"{each.name}{number}", number + 1
        names.add(name)
        settings = {"driver": each.driver, **each.settings}
        lines = [f"[tools.{name}]", *(f"{key} = {toml_value(v)}" for key, v in settings.items())]
        if each.driver not in drivers:
            lines = ["# No installed package brings this driver yet:", *(f"# {x}" for x in lines)]
        parts.append("\n".join([f"# {each.words}", *lines, ""]))
    return "\n".join(parts)


async def _find(ask: Sequence[str]) -> list[Found]:
    return [*find_here(), *await find_hubs(), *await ask_sockets(ask)]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad detect",
        description="Look for serial ports, card readers, USB hubs that switch power, cameras and "
        "power sockets, and print tables to paste into dryad.conf. Nothing is switched.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="URL",
        help="a power socket to be asked what it is, such as http://10.0.0.7; repeatable",
    )
    return parser.parse_args(arguments)
