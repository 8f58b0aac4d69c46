"""What is printed where: results to stdout, everything else to stderr."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import typer

from boruta_farm.cli.called import as_called
from boruta_farm.cli.options import settings_of
from boruta_farm.cli.signals import Signals
from boruta_farm.client import config as configuration
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BorutaError,
    InvalidError,
    NotFoundError,
    RefusedError,
    SelectorError,
)
from boruta_farm.model.token import conceal
from boruta_farm.words.times import Times

Result = TypeVar("Result")

FAILED = 1
ABOUT_SOMETHING = (InvalidError, NotFoundError, RefusedError, AgentUnreachableError)


def clean(text: str) -> str:
    """Return a text without what could steer a terminal: control and bidirectional characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def clean_lines(text: str) -> str:
    """Return lines of a text without what could steer a terminal; returns of the carriage go."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "?"
        for character in text.replace("\r", "")
    )


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


def say(text: str, *, around: str = "") -> None:
    """Print a line for people, without what could steer a terminal.

    ``around`` is printed as it stands, before the line and behind it.
    """
    try:
        print(f"{around}{clean(as_called(text))}{around}", file=sys.stderr, flush=True)
    except OSError:
        # The terminal is gone; whoever cleans up after its end must not stumble over that, nor
        # Python over what it kept to be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def remark(text: str) -> None:
    """Say something beside ssh, which may have the terminal in raw mode."""
    line_end = "\r" if sys.stderr.isatty() else ""
    say(f"boruta: {text}", around=line_end)


def local_times(now: datetime, *, distance: bool = False) -> Times:
    """Return how moments are written here: in the zone of this machine."""
    return Times(now=now, zone=None, distance=distance)


def complain(error: BorutaError, about: str = "") -> None:
    """Print what went wrong with what, how things stand, and what to do.

    A server out of reach is nothing that one request or worker is to blame for.
    """
    from boruta_farm.words.refusal import refusal

    told = refusal(error, local_times(datetime.now(UTC)))
    if about and isinstance(error, ABOUT_SOMETHING) and not told.startswith(about):
        told = f"{about}: {told}"
    say(f"boruta: {conceal(told)}")


@contextmanager
def failures_told(about: str = "") -> Iterator[None]:
    """Turn an error of ours into words and the exit status 1; ``about`` is what it is about."""
    try:
        yield
    except BorutaError as error:
        complain(error, about)
        raise typer.Exit(FAILED) from None


def configured(context: typer.Context, *, quiet: bool = False) -> ClientConfig:
    """Return which server to talk to, from options, environment and profile.

    A token that can be read on its way is warned of, unless ``quiet`` is wished.
    """
    settings = settings_of(context)
    config = configuration.load(
        server=settings.server, profile=settings.profile, ca_file=settings.ca_file
    )
    if config.exposes_token and not quiet:
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
        say(f"  {selector}")
        say(f"  {' ' * (error.column - 1)}^")


def run(
    context: typer.Context, work: Callable[[Farm], Awaitable[Result]], about: str = ""
) -> Result:
    """Connect to the server that options, environment or profile name, and do some work.

    ``about`` names in errors what the work is about.
    """

    async def main() -> Result:
        async with connect(configured(context)) as farm:
            return await work(farm)

    with failures_told(about):
        return asyncio.run(main())


def run_to_signal(
    context: typer.Context, work: Callable[[Farm, Signals], Awaitable[None]], *, agent: str = ""
) -> None:
    """Connect and do some work that is cancelled, and so cleaned up, by any signal that ends us.

    Ends with 128 + n after signal n. ``agent`` is the program that the work is done for, if any.
    """
    signals = Signals()

    async def main() -> int:
        async with connect(replace(configured(context), agent=agent)) as farm:
            await work(farm, signals)
        return 0

    with failures_told():
        status = asyncio.run(signals.guard(main))
    if status:
        raise typer.Exit(status)
