"""The contract SignIns in process: who comes by whose word, and whether they still vouch for him.

Nothing of a sign-in that is under way is kept here: the browser or program keeps it, sealed, so any
server of the farm can go on with it.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import httpx

from boruta_farm.clock import Clock
from boruta_farm.contracts import Cipher
from boruta_farm.contracts.people import Vouching
from boruta_farm.model.errors import (
    BorutaError,
    ProviderNotFoundError,
    SignInRefusedError,
    UnavailableError,
)
from boruta_farm.model.sign_in import (
    Arrival,
    Departure,
    DeviceHandle,
    DeviceOutcome,
    DeviceSignIn,
    SignInProvider,
)
from boruta_farm.model.token import Issued, Token
from boruta_farm.oidc import workload
from boruta_farm.oidc.fetching import transport
from boruta_farm.oidc.issuer import Issuer
from boruta_farm.oidc.proof import is_for, proved
from boruta_farm.oidc.provider import Attempt, KnownPerson, NotYetError, Provider, until
from boruta_farm.oidc.sealing import seal, unseal
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings, read_secret

logger = logging.getLogger(__name__)

PATH: Final = "/api/v1/sign-in"
ATTEMPT_LASTS: Final = timedelta(minutes=10)
"""How long one may take at the provider, with a second factor and a forgotten password."""
BROWSER: Final = "sign-in by browser at {}"
DEVICE: Final = "sign-in by device at {}"
REFRESH: Final = "refresh token of {}"
LOOK_EVERY: Final = 5.0
"""Seconds between two looks for sign-ins that are to be judged again."""
JUDGED_AT_ONCE: Final = 20
AGAIN_AFTER: Final = timedelta(minutes=1)
"""Between two tries where the provider could not be asked."""

PLACE: Final = re.compile(r"/(?![/\\])[A-Za-z0-9._~/?=&%+:,@!'()*;-]{0,1000}")
"""Where in the page somebody goes after signing in: never another host's."""


class FarmSignIns:
    """Sign people in by their providers, exchange tokens of CI jobs, and ask providers again."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        workloads: Mapping[str, WorkloadSettings],
        issuers: Mapping[str, Issuer],
        farm: Vouching,
        cipher: Cipher,
        clock: Clock,
        page_address: str,
    ) -> None:
        self._providers = providers
        self._workloads = workloads
        self._issuers = issuers
        """Of the workloads, by what they call themselves."""
        self._farm = farm
        self._cipher = cipher
        self._clock = clock
        self._page_address = page_address
        self._failed: dict[str, datetime] = {}
        """Sign-ins whose provider could not be asked, with when that was last."""

    def providers(self) -> tuple[SignInProvider, ...]:
        """Return the providers that people can sign in by."""
        return tuple(
            SignInProvider(
                name=name,
                title=one.settings.title or name,
                address=f"{self._page_address}{PATH}/{name}/begin",
                device=one.settings.device,
            )
            for name, one in self._providers.items()
        )

    async def depart(self, provider: str, place: str) -> Departure:
        """Return where a browser goes, and what it keeps meanwhile."""
        known = self._known(provider)
        address, attempt = await known.depart()
        texts = {
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "place": place if PLACE.fullmatch(place) else "/",
        }
        until = self._clock.now() + ATTEMPT_LASTS
        kept = seal(self._cipher, BROWSER.format(provider), texts, until)
        return Departure(address=address, kept=kept)

    async def arrive(
        self, provider: str, kept: str, told: Mapping[str, str], source: str
    ) -> Arrival:
        """Sign in who came back from the provider."""
        known, now = self._known(provider), self._clock.now()
        texts = dict(unseal(self._cipher, BROWSER.format(provider), kept, now))
        place = texts.pop("place")
        found = await known.arrive(Attempt(**texts), told, now)
        refresh = self._seal_refresh(provider, found)
        issued = await self._farm.enter(found.person, None, source, refresh)
        return Arrival(issued=issued, place=place)

    async def begin_device(self, provider: str) -> DeviceSignIn:
        """Ask the provider for a code that somebody confirms in a browser."""
        known = self._known(provider)
        code = await known.begin_device()
        expires = until(code, self._clock.now())
        texts = {"code": code.device_code, "interval": str(code.interval)}
        return DeviceSignIn(
            code=code.user_code,
            address=code.address,
            complete=code.complete,
            handle=seal(self._cipher, DEVICE.format(provider), texts, expires),
            interval=timedelta(seconds=code.interval),
            expires=expires,
        )

    async def ask_device(self, provider: str, asked: DeviceHandle, source: str) -> DeviceOutcome:
        """Sign in once the code was confirmed."""
        known, now = self._known(provider), self._clock.now()
        texts = unseal(self._cipher, DEVICE.format(provider), asked.handle, now)
        interval = timedelta(seconds=int(texts["interval"]))
        try:
            found = await known.ask_device(texts["code"], now)
        except NotYetError as wait:
            # RFC 8628, 3.5: five seconds more, at this time and whenever it is said again.
            return DeviceOutcome(interval=interval + timedelta(seconds=5 * wait.slower))
        refresh = self._seal_refresh(provider, found)
        return DeviceOutcome(
            issued=await self._farm.enter(found.person, asked.name, source, refresh)
        )

    async def exchange(self, token: str, source: str) -> Issued:
        """Make a short token of one that a CI system has given to its job.

        The first rule counts that fits, as they stand in the configuration.
        """
        issuer = self._issuers.get(workload.unproved_issuer(token))
        if issuer is None:
            raise SignInRefusedError(
                "this farm has no workload rule for who has issued this token; an admin adds "
                "[workload.NAME] to the server's configuration"
            )
        rules = {
            name: (rule, rule.audience or self._page_address)
            for name, rule in self._workloads.items()
            if rule.issuer == issuer.url
        }
        now = self._clock.now()
        audiences = {audience for _, audience in rules.values()}
        claims = await proved(issuer, token, audiences, now)
        workload.check_life(claims, now)
        for name, (rule, audience) in rules.items():
            if is_for(claims, (audience,)) and workload.fits(claims, rule.claims):
                found = workload.admitted(name, rule, claims, token)
                return await self._farm.admit_workload(found, source)
        raise workload.refusal(claims, issuer.url)

    async def keep_judging(self) -> NoReturn:
        """Ask providers again whether they vouch for who is signed in, each in its time."""
        async with asyncio.TaskGroup() as group:
            for name in self._judged():
                group.create_task(self._keep_judging(name))
        raise AssertionError("it ends only by cancellation")

    async def judge_due(self) -> None:
        """Ask again about the sign-ins whose time it is; no provider waits for another."""
        async with asyncio.TaskGroup() as group:
            for name in self._judged():
                group.create_task(self._judge_due(name))

    async def close(self) -> None:
        """Close all connections."""
        for known in self._providers.values():
            await known.issuer.close()
        for issuer in self._issuers.values():
            await issuer.close()

    def _known(self, provider: str) -> Provider:
        known = self._providers.get(provider)
        if known is None:
            raise ProviderNotFoundError
        return known

    def _judged(self) -> tuple[str | None, ...]:
        """Return who is asked again: the providers, and None for those that are none any more."""
        return (*self._providers, None)

    async def _keep_judging(self, provider: str | None) -> NoReturn:
        while True:
            await self._judge_due(provider)
            await asyncio.sleep(LOOK_EVERY)

    async def _judge_due(self, provider: str | None) -> None:
        """Ask one provider about those whose time it is, some at once."""
        due = [
            token
            for token in self._due(self._clock.now())
            if provider == (token.provider if token.provider in self._providers else None)
        ]
        for place in range(0, len(due), JUDGED_AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for token in due[place : place + JUDGED_AT_ONCE]:
                    group.create_task(self._judge(token))

    def _due(self, now: datetime) -> Iterator[Token]:
        tokens = self._farm.vouched()
        gone = self._failed.keys() - {token.id for token in tokens}
        for number in gone:
            del self._failed[number]
        for token in tokens:
            known = self._providers.get(token.provider)
            judged = token.judged or token.created
            if token.expires <= now or now - self._failed.get(token.id, judged) < AGAIN_AFTER:
                continue
            if known is None or now - judged >= known.settings.judged_every:
                yield token

    async def _judge(self, token: Token) -> None:
        """Ask again about one sign-in; one whose provider cannot be reached goes on to its end."""
        known = self._providers.get(token.provider)
        try:
            if known is None:
                raise SignInRefusedError(f"{token.provider} is no provider of this farm any more")
            kept = json.loads(self._cipher.open(token.refresh, REFRESH.format(token.provider)))
            found = await known.ask_again(kept["refresh"], kept["subject"], self._clock.now())
            sealed = self._seal_refresh(token.provider, found)
            await self._farm.vouch_again(token.id, found.person, sealed)
            self._failed.pop(token.id, None)
        except UnavailableError as failure:
            self._failed[token.id] = self._clock.now()
            logger.warning("the sign-in %s could not be judged: %s", token.id, failure.message)
        except BorutaError as refusal:
            logger.warning("the sign-in %s is ended: %s", token.id, refusal.message)
            await self._farm.unvouched(token.id, refusal.message)

    def _seal_refresh(self, provider: str, found: KnownPerson) -> bytes:
        if not found.refresh:
            return b""
        subject = found.person.identity.partition(" ")[2]
        kept = json.dumps({"refresh": found.refresh, "subject": subject}).encode()
        return self._cipher.seal(kept, REFRESH.format(provider))


def open_sign_ins(
    providers: Mapping[str, ProviderSettings],
    workloads: Mapping[str, WorkloadSettings],
    farm: Vouching,
    cipher: Cipher,
    clock: Clock,
    page_address: str,
    network: Callable[[Path | None], httpx.AsyncBaseTransport] = transport,
) -> FarmSignIns:
    """Return what signs in by these settings. Raises ConfigError for what cannot be read."""
    people = {
        name: Provider(
            name,
            settings,
            read_secret(name, settings.client_secret_file),
            Issuer(settings.issuer, clock, network(settings.ca_file)),
            f"{page_address}{PATH}/{name}/callback",
        )
        for name, settings in providers.items()
    }
    issuers = {
        rule.issuer: Issuer(rule.issuer, clock, network(rule.ca_file))
        for rule in workloads.values()
    }
    return FarmSignIns(people, workloads, issuers, farm, cipher, clock, page_address)
