"""Whether those who are to vouch for others are there, and can do what the settings want."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from boruta_farm.clock import Clock
from boruta_farm.model.errors import ProviderUnreachableError
from boruta_farm.oidc.fetching import transport
from boruta_farm.oidc.issuer import Issuer, Metadata
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Tell what came of asking one of them."""

    name: str
    words: str
    good: bool = True


async def ask(
    providers: Mapping[str, ProviderSettings],
    workloads: Mapping[str, WorkloadSettings],
    clock: Clock,
    network: Callable[[Path | None], httpx.AsyncBaseTransport] = transport,
) -> tuple[Told, ...]:
    """Return what each provider and each rule's issuer publishes. Nobody signs in by that."""
    found = []
    for name, provider in providers.items():
        issuer = Issuer(provider.issuer, clock, network(provider.ca_file))
        found.append(await _asked(f"provider.{name}", issuer, provider))
    for name, rule in workloads.items():
        issuer = Issuer(rule.issuer, clock, network(rule.ca_file))
        found.append(await _asked(f"workload.{name}", issuer))
    return tuple(found)


async def _asked(name: str, issuer: Issuer, provider: ProviderSettings | None = None) -> Told:
    try:
        metadata = await issuer.metadata()
        keys = await issuer.keys()
    except ProviderUnreachableError as failure:
        return Told(name=name, words=failure.message, good=False)
    finally:
        await issuer.close()
    words = f"{issuer.url} answers and signs with {len(keys.keys)} key(s)"
    if provider is None:
        return Told(name=name, words=words)
    missing = [
        endpoint
        for endpoint in ("authorization_endpoint", "token_endpoint")
        if not getattr(metadata, endpoint)
    ]
    if missing:
        wanted = " and ".join(missing)
        return Told(name=name, words=f"{words}, but names no {wanted}", good=False)
    return Told(name=name, words=f"{words}; {_ways(metadata, provider)}")


def _ways(metadata: Metadata, provider: ProviderSettings) -> str:
    codes = provider.device and metadata.device_authorization_endpoint
    again = "offline_access" in provider.scopes
    ways = (
        "codes for 'boruta login'" if codes else "no codes for 'boruta login' (device flow)",
        "judged again by refresh tokens"
        if again
        else "judged again only where it gives refresh tokens without the scope offline_access",
    )
    return "; ".join(ways)
