"""Verbs that sign in and out, and tell who one is."""

import asyncio
import getpass
import platform
import sys
from dataclasses import replace
from typing import Annotated

import typer

from boruta_farm.cli.console import failures_told, run, say
from boruta_farm.cli.durations import format_moment
from boruta_farm.cli.options import OutputOption, output_of, settings_of
from boruta_farm.cli.people import limits_words
from boruta_farm.cli.tables import print_record
from boruta_farm.client import config as configuration
from boruta_farm.client.credentials import Credentials
from boruta_farm.client.farm import Farm, connect
from boruta_farm.model.answers import Self
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.token import PREFIX, TokenKind

ONCE = f"{PREFIX}{TokenKind.ONCE.value[0]}_"


def login(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the token is called in lists; the machine's name."),
    ] = None,
) -> None:
    """Sign in with a token, which is asked for, or read from standard input.

    A one-time token is exchanged for one of your own.
    """
    settings = settings_of(context)
    with failures_told():
        config = configuration.load(
            server=settings.server, profile=settings.profile, ca_file=settings.ca_file
        )
        given = _asked(config.server)
        secret, who = asyncio.run(_signed_in(config, given, name or platform.node()))
        if who.token is None:
            raise ConfigError(
                f"{config.server} asks nobody who he is, so there is nothing to sign in to; "
                "start it with: boruta serve --users"
            )
        place = Credentials().put(config.server, secret)
    until = format_moment(who.token.expires, who.token.created)
    say(f"signed in to {config.server} as {who.name} ({who.role})")
    say(f"the token {who.token.id} is kept in {place}; it lives until {until}")


def logout(context: typer.Context) -> None:
    """Revoke the token kept for the server, and forget it."""
    settings = settings_of(context)
    with failures_told():
        config = configuration.load(
            server=settings.server, profile=settings.profile, ca_file=settings.ca_file
        )
        credentials = Credentials()
        kept = credentials.get(config.server)
        if kept is None:
            raise ConfigError(f"no token is kept for {config.server}")
        try:
            asyncio.run(_revoke(replace(config, token=kept)))
        except BorutaError as error:
            say(f"boruta: the token could not be revoked ({error.message}); it is forgotten here")
        credentials.forget(config.server)
    say(f"signed out of {config.server}")


def whoami(context: typer.Context, output: OutputOption = None) -> None:
    """Tell who you are to the server, and what you may take."""
    form = output_of(context, output)

    async def work(farm: Farm) -> None:
        who = await farm.accounts.me()
        facts = {
            "Name": who.name,
            "Role": who.role.value,
            "Groups": "everybody is admin here: the farm knows no users"
            if who.groups is None
            else " ".join(who.groups) or "none",
            "Scope": who.scope.value,
            "Limits": limits_words(who.limits) or "those of the farm",
        }
        if who.token is not None:
            until = format_moment(who.token.expires, farm.now())
            facts["Token"] = f"{who.token.id} ({who.token.name}) until {until}"
        print_record(facts, who, who.name, form)

    run(context, work)


def _asked(server: str) -> str:
    """Return the token that a person types unseen, or that standard input holds."""
    typed = sys.stdin.isatty()
    given = getpass.getpass(f"Token for {server}: ") if typed else sys.stdin.readline()
    given = given.strip()
    if not given.startswith(PREFIX) or not given.isprintable():
        raise ConfigError(f"this is no token: it begins with {PREFIX!r}; ask an admin for one")
    return given


async def _signed_in(config: configuration.ClientConfig, given: str, name: str) -> tuple[str, Self]:
    """Exchange a one-time token, then ask the server who its bearer is."""
    if given.startswith(ONCE):
        async with connect(replace(config, token=None)) as farm:
            given = (await farm.tokens.login(given, "", name)).secret
    async with connect(replace(config, token=given)) as farm:
        return given, await farm.accounts.me()


async def _revoke(config: configuration.ClientConfig) -> None:
    async with connect(config) as farm:
        who = await farm.accounts.me()
        if who.token is not None:
            await farm.tokens.revoke(farm.caller, who.token.id)
