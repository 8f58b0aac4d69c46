"""Signing in without a token of the farm: by a provider's code, or as a job of a CI system."""

import asyncio
import os
from datetime import timedelta

from boruta_farm.cli.console import say
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.workload import audience_of, job_token
from boruta_farm.model.errors import ConfigError, SignInRefusedError, UnavailableError
from boruta_farm.model.sign_in import DeviceHandle, SignInProvider


async def provider_of(config: ClientConfig, wanted: str | None) -> SignInProvider | None:
    """Return by which provider to sign in; None where a token is the only way from here.

    Raises ConfigError for one that is wanted and not there.
    """
    async with connect(config) as farm:
        known = await farm.sign_ins.providers()
    able = [one for one in known if one.device]
    if wanted is None:
        return able[0] if able else None
    for one in able:
        if one.name == wanted:
            return one
    names = ", ".join(one.name for one in able) or "none"
    raise ConfigError(
        f"{config.server} has no provider {wanted!r} whose codes can be confirmed; known: {names}"
    )


async def by_provider(config: ClientConfig, provider: SignInProvider, name: str) -> str:
    """Return a token once somebody has confirmed the code that is shown.

    Raises SignInRefusedError.
    """
    async with connect(config) as farm:
        begun = await farm.sign_ins.begin_device(provider.name)
        say(f"to sign in by {provider.title}, open {begun.complete or begun.address}")
        say(f"and confirm the code {begun.code} (or paste a token instead: boruta login --token)")
        asked = DeviceHandle(handle=begun.handle, name=name)
        interval = begun.interval
        while farm.now() < begun.expires:
            await asyncio.sleep(interval.total_seconds())
            interval, secret = await _progress(farm, provider.name, asked, interval)
            if secret is not None:
                return secret
    raise SignInRefusedError("the code was not confirmed in time; run 'boruta login' again")


async def by_job(config: ClientConfig) -> str:
    """Return a short token for the job of a CI system in which this runs.

    Raises ConfigError, UnauthenticatedError.
    """
    token = await job_token(audience_of(config.server, os.environ))
    async with connect(config) as farm:
        return (await farm.sign_ins.exchange(token)).access_token


async def _progress(
    farm: Farm, provider: str, asked: DeviceHandle, interval: timedelta
) -> tuple[timedelta, str | None]:
    """Return when to ask again, and the token once there is one."""
    try:
        outcome = await farm.sign_ins.ask_device(provider, asked)
    except UnavailableError:
        # RFC 8628, 3.5: a lost answer is no end, but asked again less often.
        return interval * 2, None
    if outcome.issued is not None:
        return interval, outcome.issued.secret
    return outcome.interval or interval, None
