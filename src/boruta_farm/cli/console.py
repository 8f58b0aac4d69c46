"""What is printed where: results to stdout, everything else to stderr."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer

from boruta_farm.cli.options import settings_of
from boruta_farm.client import config as configuration
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.errors import BorutaError

Result = TypeVar("Result")

FAILED = 1


def clean(text: str) -> str:
    """Return a text of the server without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def say(text: str) -> None:
    """Print a line for people."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # The terminal is gone; whoever cleans up after its end must not stumble over that.
        return


def complain(error: BorutaError) -> None:
    """Print what went wrong."""
    say(f"boruta: {clean(error.message)}")


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn an error of ours into words and the exit status 1."""
    try:
        yield
    except BorutaError as error:
        complain(error)
        raise typer.Exit(FAILED) from None


def configured(context: typer.Context) -> ClientConfig:
    """Return which server to talk to, from options, environment and profile."""
    settings = settings_of(context)
    return configuration.load(
        server=settings.server, profile=settings.profile, ca_file=settings.ca_file
    )


def run(context: typer.Context, work: Callable[[Farm], Awaitable[Result]]) -> Result:
    """Connect to the server that options, environment or profile name, and do some work."""

    async def main() -> Result:
        async with connect(configured(context)) as farm:
            return await work(farm)

    with failures_told():
        return asyncio.run(main())
