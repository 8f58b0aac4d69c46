"""How this program is called again, by other programs."""

import shutil
import sys

import typer

from boruta_farm.cli.options import settings_of


def own_command(context: typer.Context, *, whole_path: bool = False) -> tuple[str, ...]:
    """Return how this program is called again for the same farm; ``whole_path`` for who wants it.

    What comes from the environment is left to that.
    """
    settings, found = settings_of(context), shutil.which("boruta")
    if found:
        words = [found if whole_path else "boruta"]
    else:
        words = [sys.executable, "-m", "boruta_farm.cli"]
    for option, value in (
        ("--server", settings.server),
        ("--profile", settings.profile),
        ("--ca-file", settings.ca_file),
    ):
        if value is not None:
            words += [option, value]
    return tuple(words)
