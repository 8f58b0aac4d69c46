"""``dryad tool``: the board's tools for root at the supervisor, by the running agent."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.config import DEFAULT_PATH
from boruta_farm.dryad.dut import main as dut
from boruta_farm.dryad.dut.call import VARIABLE
from boruta_farm.dryad.tools.configured import open_tools, own_socket
from boruta_farm.model.errors import BorutaError

FAILED = 1
ANYTHING = ("do", "ssh")
"""Verbs that pass on whatever words follow."""


def main(arguments: Sequence[str]) -> int:
    """Do what ``dut`` would, whoever has the board, and return its exit status."""
    options = _options(arguments)
    try:
        config = configuration.load(options.conf)
        toolbox, _ = open_tools(config)
    except BorutaError as error:
        print(f"dryad tool: {error.message}", file=sys.stderr)
        return FAILED
    trouble = ""
    if not toolbox:
        trouble = f"{options.conf} declares no tools; dryad detect looks for some"
    elif not own_socket(config).is_socket():
        trouble = "the agent does not run; start it: systemctl start dryad"
    if trouble:
        print(f"dryad tool: {trouble}", file=sys.stderr)
        return FAILED
    os.environ[VARIABLE] = str(own_socket(config))
    return dut.main(options.words)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad tool",
        description="Operate the board's device as dut does, also while nobody or somebody else "
        "has the board. Alone it shows what there is.",
        allow_abbrev=False,
    )
    parser.add_argument(
        *("-conf", "--conf"), type=Path, default=DEFAULT_PATH, metavar="FILE", help="as for dryad"
    )
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="VERB ...", help="as for dut; see: dut --help"
    )
    options, before = parser.parse_known_args(arguments)
    verb, *after = options.words or [""]
    if verb not in ANYTHING and (late := {"-conf", "--conf"}.intersection(after)):
        parser.error(f"{late.pop()} stands before the verb: dryad tool --conf FILE {verb} ...")
    options.words = [*before, *options.words]
    return options
