"""Verbs that sign in and out, and tell who one is."""

import asyncio
import getpass
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import clean, failures_told, local_times, run, say
from boruta_farm.cli.options import OutputOption, output_of, settings_of
from boruta_farm.cli.people import limits_words
from boruta_farm.cli.sign_in import by_job, by_provider, provider_of
from boruta_farm.cli.tables import print_record
from boruta_farm.client import config as configuration
from boruta_farm.client.credentials import Credentials
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.profile import Profile
from boruta_farm.model.addresses import is_exposed
from boruta_farm.model.answers import Self
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.sign_in import SignInProvider
from boruta_farm.model.token import PREFIX, TokenKind, check_token, conceal

LONGEST_INPUT = 4096
UNREADABLE = "\ufffd"
ONCE = f"{PREFIX}{TokenKind.ONCE.value[0]}_"


def login(
    context: typer.Context,
    address: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help="The server; the one configured if not given."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="The authority of the server's TLS."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the token is called in lists; the machine's name."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", metavar="NAME", help="By which provider, where the farm has several."
        ),
    ] = None,
    paste: Annotated[
        bool, typer.Option("--token", help="With a token, although the farm has a provider.")
    ] = False,
    workload: Annotated[
        bool,
        typer.Option("--workload", help="As the CI job in which this runs, by the job's token."),
    ] = False,
    shown: Annotated[
        bool,
        typer.Option("--print", help="Print the token of a job and keep nothing."),
    ] = False,
) -> None:
    """Sign in by the farm's provider, whose code you confirm in a browser, or with a token.

    A token is asked for, or read from standard input; a one-time token is exchanged for one of your
    own. Server and authority are remembered: every later command uses them.
    """
    if shown and not workload:
        raise typer.BadParameter("only tokens of jobs are printed: --workload --print")
    if sum((provider is not None, paste, workload)) > 1:
        raise typer.BadParameter("name one of --provider, --token and --workload")
    settings = settings_of(context)
    with failures_told():
        profile, credentials = Profile(settings.profile), Credentials()
        environment = dict(os.environ)
        if not profile.exists:
            environment.pop("BORUTA_PROFILE", None)
        config = configuration.load(
            environment=environment,
            server=_address(address) or settings.server,
            profile=settings.profile if profile.exists else None,
            ca_file=str(ca_file) if ca_file else settings.ca_file,
            anonymous=True,
        )
        if is_exposed(config.server):
            say(
                "boruta: warning: without TLS the token can be read on its way to "
                f"{config.server}; write https:// if the farm serves it"
            )
        if shown:
            print(clean(asyncio.run(by_job(config))))
            return
        called = name or platform.node()
        way = None if paste or workload else asyncio.run(_provider(config, provider))
        given = _asked(config.server) if way is None and not workload else ""
        # A one-time token is good once: first see that what it is given up for can be kept.
        profile.prove_writable()
        credentials.prove_writable()
        if workload:
            given = asyncio.run(by_job(config))
        elif way is not None:
            given = asyncio.run(by_provider(config, way, called))
        secret, who = asyncio.run(_signed_in(config, given, called))
        if who.token is None:
            raise ConfigError(
                f"{config.server} asks nobody who he is, so there is nothing to sign in to; "
                "start it with: boruta serve --users"
            )
        place = credentials.put(config.server, secret)
        profile.save(config, who.name)
    until = local_times(who.token.created).moment(who.token.expires)
    say(f"signed in to {config.server} as {who.name} ({who.role})")
    say(f"the token {who.token.id} is kept in {place}; it lives until {until}")
    say(f"{profile.words} names this server now, so that later commands use it")
    for variable in _overriding(config.server, settings.profile):
        say(f"boruta: warning: {variable} is set and goes before what was kept; unset it")


def _overriding(server: str, profile: str | None) -> list[str]:
    """Return the variables by which later commands would not use what was kept."""
    named = os.environ.get("BORUTA_SERVER", "").rstrip("/")
    found = ["BORUTA_SERVER"] if named and named != server else []
    if profile is not None and os.environ.get("BORUTA_PROFILE", profile) != profile:
        found.append("BORUTA_PROFILE")
    return [*found, "BORUTA_TOKEN"] if os.environ.get("BORUTA_TOKEN") else found


def logout(context: typer.Context) -> None:
    """Revoke the token kept for the server, and forget it."""
    settings = settings_of(context)
    with failures_told():
        config = configuration.load(
            server=settings.server,
            profile=settings.profile,
            ca_file=settings.ca_file,
            anonymous=True,
        )
        credentials = Credentials()
        try:
            kept = credentials.get(config.server)
            if kept is not None:
                asyncio.run(_revoke(replace(config, token=kept)))
        except BorutaError as error:
            say(
                f"boruta: the token could not be revoked ({conceal(error.message)}); it is "
                "forgotten here"
            )
        else:
            if kept is None:
                raise ConfigError(f"no token is kept for {config.server}")
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
            until = local_times(farm.now()).moment(who.token.expires)
            facts["Token"] = f"{who.token.id} ({who.token.name}) until {until}"
        print_record(facts, who, who.name, form)

    run(context, work)


async def _provider(
    config: configuration.ClientConfig, wanted: str | None
) -> SignInProvider | None:
    """Return by which provider to sign in, None for a token: a pipe can only hold one."""
    if wanted is None and not sys.stdin.isatty():
        return None
    return await provider_of(config, wanted)


def _address(given: str | None) -> str | None:
    """Return the address given as an argument. Raises ConfigError for a token in its place."""
    if given is not None and PREFIX in given:
        raise ConfigError(
            "a token must not be an argument: 'ps' and the shell's history keep it. This one is "
            "known to others now: let an admin revoke it and make another; then run "
            "'boruta login' and paste it when asked"
        )
    return given


def _asked(server: str) -> str:
    """Return the token that a person types unseen, or that standard input holds."""
    if sys.stdin.isatty():
        try:
            given = getpass.getpass(f"Token for {server}: ")
        except UnicodeDecodeError:
            given = UNREADABLE
    else:
        # Bytes, since what somebody pipes in need not be text.
        given = sys.stdin.buffer.readline(LONGEST_INPUT).decode(errors="replace")
    given = check_token(given, "the token")
    if not given.startswith(PREFIX):
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
