"""What is printed where: results to stdout, everything else to stderr."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer

from boruta_farm.cli.options import settings_of
from boruta_farm.client import config as configuration
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.errors import BorutaError, SelectorError
from boruta_farm.model.token import conceal

Result = TypeVar("Result")

FAILED = 1


def clean(text: str) -> str:
    """Return a text of the server without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def legible(text: str, *, toml: bool = False) -> str:
    """Return JSON (or TOML) that means the same, with what could steer a terminal escaped."""
    escaped = _toml_escaped if toml else _json_escaped
    return "".join(
        character if character.isprintable() or character == "\n" else escaped(character)
        for character in text
    )


def _json_escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def _toml_escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def say(text: str) -> None:
    """Print a line for people."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # The terminal is gone; whoever cleans up after its end must not stumble over that.
        return


def complain(error: BorutaError) -> None:
    """Print what went wrong."""
    say(f"boruta: {clean(conceal(error.message))}")


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
    config = configuration.load(
        server=settings.server, profile=settings.profile, ca_file=settings.ca_file
    )
    if config.exposes_token:
        say(f"boruta: warning: without TLS your token can be read on its way to {config.server}")
    return config


@contextmanager
def pointing_at(selector: str | None) -> Iterator[None]:
    """Show where in a selector the server's complaint points, if the work ends with one."""
    try:
        yield
    except typer.Exit as ended:
        point_at(selector, ended.__context__)
        raise


def point_at(selector: str | None, error: BaseException | None) -> None:
    """Print a selector with a mark below the place that an error tells, if it tells one."""
    if selector is not None and isinstance(error, SelectorError) and error.column is not None:
        # One line whatever was typed, so that the mark stands below its place.
        say(f"  {clean(selector)}\n  {' ' * (error.column - 1)}^")


def run(context: typer.Context, work: Callable[[Farm], Awaitable[Result]]) -> Result:
    """Connect to the server that options, environment or profile name, and do some work."""

    async def main() -> Result:
        async with connect(configured(context)) as farm:
            return await work(farm)

    with failures_told():
        return asyncio.run(main())
