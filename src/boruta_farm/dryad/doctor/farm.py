"""The way to the farm: name, TLS, WebSocket, the relay's port, and whether clocks agree."""

import asyncio
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from boruta_farm.dryad.asking import is_enrolled
from boruta_farm.dryad.carriers import connect
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.streams import RelayPlace
from boruta_farm.link.clocks import REMEDY
from boruta_farm.link.failures import UnknownMethodError
from boruta_farm.model.errors import (
    BorutaError,
    CredentialError,
    EnrolmentError,
    InvalidError,
    RefusedError,
    UnavailableError,
)
from boruta_farm.model.worker import CLOCKS_AGREE, Reach

ANSWER_WITHIN = 10.0
VERSION = "/api/v1/version"
GROSS = timedelta(minutes=2)
"""Clocks further apart keep certificates from being trusted and let keys end at wrong times."""

SCHEMES = {"ws": "http", "wss": "https"}
PORTS = {"http": 80, "https": 443}


async def check_farm(
    config: AgentConfig, credential: str | None, *, ask: bool = True
) -> tuple[Finding, ...]:
    """Ask the farm for its version, compare clocks, open what the agent opens, ask to be let in.

    Without a credential the question is asked as an agent would that makes its first one;
    ``ask`` False leaves it out.
    """
    if not config.server:
        return (
            good("farm", f"a server of the original at {config.boruta_address}: not asked here"),
        )
    url = version_url(config.server)
    try:
        date = await asyncio.to_thread(_date, url, config)
    except (OSError, ValueError) as error:
        return (_unreachable(url, error),)
    findings = [good("farm", f"{url} answers"), *check_clock(date, datetime.now(UTC))]
    if ask:
        findings.append(await _link(config, credential))
    findings.extend([finding async for finding in _relay(config)])
    return tuple(findings)


def check_clock(date: str | None, now: datetime) -> Iterator[Finding]:
    """Compare the farm's time, as an HTTP header gives it, with ours."""
    if date is None:
        yield advice("clock", "the farm tells no time", "compare by hand: date -u")
        return
    apart = abs(now - parsedate_to_datetime(date))
    words = f"this clock and the farm's are {apart.total_seconds():.0f} s apart"
    if apart > GROSS:
        yield wrong("clock", f"{words}: certificates and keys are judged wrongly", REMEDY)
    elif apart > CLOCKS_AGREE:
        yield advice("clock", words, REMEDY)
    else:
        yield good("clock", "this clock and the farm's agree")


def version_url(server: str) -> str:
    """Return where a farm tells its version."""
    parts = urlsplit(server)
    scheme = SCHEMES.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + VERSION, "", ""))


def _date(url: str, config: AgentConfig) -> str | None:
    """Return the time header of the farm's answer. Raises OSError, ValueError."""
    context = ssl.create_default_context(cafile=config.ca_file) if url[:6] == "https:" else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=ANSWER_WITHIN) as answer:
        date: str | None = answer.headers.get("Date")
        return date


def _unreachable(url: str, error: Exception) -> Finding:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return wrong(
            "farm",
            f"{url} cannot be trusted: {reason.verify_message}",
            "set ca_file to the file of the authority that signed the farm's certificate",
        )
    return wrong(
        "farm",
        f"{url} is out of reach: {reason}",
        "see that 'server' names the farm, that its name resolves here (getent hosts NAME), and "
        "that no firewall is between",
    )


async def _link(config: AgentConfig, credential: str | None) -> Finding:
    """Open the link's WebSocket, which not every proxy passes, and ask whether we are let in."""
    try:
        enrolled = await is_enrolled(config, credential or secrets.token_urlsafe(32))
    except UnknownMethodError:
        return advice(
            "farm",
            "the link opens, but this farm is too old to tell whether it lets the board in",
            "update the server, or look: journalctl -u dryad",
        )
    except (CredentialError, EnrolmentError, RefusedError, InvalidError) as error:
        return wrong(
            "farm", f"the farm does not let this board in: {error.message}", _invited(config)
        )
    except UnavailableError as error:
        return wrong(
            "farm",
            f"the farm answers, but the link does not open: {error.message}",
            "let the proxy in between pass WebSockets (the Upgrade header) on /api/v1/link",
        )
    except BorutaError as error:
        return wrong("farm", f"the farm could not answer: {error.message}", "see the server's log")
    if enrolled:
        return good("farm", "the farm knows this board by its credential")
    return advice(
        "farm",
        "this board is not enrolled; the farm would enrol it at the agent's first start",
        "systemctl enable --now dryad-helper dryad",
    )


def _invited(config: AgentConfig) -> str:
    return (
        f"at the farm: boruta agent invite --uuid {config.uuid}\n"
        f"here: dryad join {config.server} --conf {config.path}, and paste the token"
    )


async def _relay(config: AgentConfig) -> AsyncIterator[Finding]:
    """Knock at the relay, where streams may have to go there."""
    if config.reach is Reach.DIRECT:
        return
    parts = urlsplit(version_url(config.server))
    place = RelayPlace.of(config.server, config.relay_address)
    port = place.port or (parts.port or PORTS[parts.scheme]) + 1
    try:
        carrier = await connect(place.host, port)
    except UnavailableError as error:
        report = wrong if config.reach is Reach.OUTBOUND else advice
        yield report(
            "farm",
            f"the relay does not take streams: {error.message}",
            "let the board through to the farm's stream_addr, or set relay_address; without it "
            'only a farm that can dial the board can lend it (reach = "direct")',
        )
        return
    carrier.abort()
    yield good("farm", f"the relay takes streams at {place.host} port {port}")
