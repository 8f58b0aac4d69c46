"""The line to the server: its unix socket, at which the door speaks for those it has let in."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import httpx

from boruta_farm.client.channel import Channel
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.failures import error_of
from boruta_farm.client.farm import Farm
from boruta_farm.client.transport import Transport
from boruta_farm.client.watch import Happening
from boruta_farm.client.wire import read
from boruta_farm.clock import Clock
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.news import News
from boruta_farm.frontdoor.turns import Turns
from boruta_farm.model.caller import FRONT_DOOR
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.front_door import (
    ACCOUNT_HEADER,
    SCOPE_HEADER,
    SOCKET,
    SOURCE_HEADER,
    CertificateShown,
    DoorSettings,
    DoorVisitor,
    KeyHolding,
    KeyShown,
    SignedIn,
    TokenShown,
    TurnedAway,
)
from boruta_farm.model.permission import Scope
from boruta_farm.records.writing import write

log = logging.getLogger(__name__)

SERVER: Final = "http://localhost"
"""What calls over the socket are addressed to; no name is looked up for it."""
ANSWERS_WITHIN: Final = 10.0
PATIENCE: Final = 5.0
"""Seconds that somebody who comes waits for a server that is not there."""
PAUSE: Final = 0.1
SETTINGS_FOR: Final = 5.0
"""Seconds for which the server's settings are remembered."""


class ServerLine:
    """Ask the server of one data folder about people, and speak for them.

    Needs no server to be there when it is made; each call tries anew.
    """

    def __init__(self, data: Path, clock: Clock, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        # The folder is opened and the socket named through it: a path may be too long for one.
        self._folder = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._wire = httpx.AsyncHTTPTransport(
            uds=f"/proc/self/fd/{self._folder}/{SOCKET}",
            verify=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
        )
        self._asking = httpx.AsyncClient(
            transport=_Speaking(self._wire, {}),
            base_url=f"{SERVER}/door/",
            timeout=ANSWERS_WITHIN,
            trust_env=False,
        )
        self.news = News(self._channel(FRONT_DOOR.id, Scope.READ, ""))
        self.turns = Turns()
        """What is asked of the server for one guest takes its turn here."""
        self._settings = DoorSettings()
        self._settings_until = 0.0
        self._address = f"the server of {data}"

    async def close(self) -> None:
        """Hang up."""
        await self._asking.aclose()
        await self._wire.aclose()
        os.close(self._folder)

    def farm(self) -> Farm:
        """Return the farm as everybody sees it."""
        return GuestFarm(self._channel(FRONT_DOOR.id, Scope.READ, ""), self.news, self._clock)

    def farm_of(self, guest: DoorGuest) -> Farm:
        """Return the farm for a guest."""
        visitor = guest.visitor
        channel = self._channel(visitor.account, visitor.scope, guest.source)
        return GuestFarm(channel, self.news, self._clock)

    async def whose_key(self, shown: KeyShown) -> DoorVisitor:
        """Return whose key this is. Raises UnauthenticatedError, UnavailableError."""
        return read(DoorVisitor, await self._ask_patiently("key", write(shown)))

    async def whose_certificate(self, shown: CertificateShown) -> DoorVisitor:
        """Return for whom a certificate is. Raises UnauthenticatedError, UnavailableError."""
        return read(DoorVisitor, await self._ask_patiently("certificate", write(shown)))

    async def whose_token(self, shown: TokenShown) -> DoorVisitor:
        """Return whose token this is. Raises UnauthenticatedError, UnavailableError."""
        return read(DoorVisitor, await self._ask_patiently("token", write(shown)))

    async def entered(self, entered: SignedIn) -> None:
        """Have it entered into the audit that somebody is in."""
        await self._ask("entered", write(entered))

    async def refused(self, refused: TurnedAway) -> None:
        """Have it entered into the audit that somebody was not let in."""
        await self._ask("refused", write(refused))

    async def may_enter(self, guest: DoorGuest, request_id: int) -> bool:
        """Tell whether a request is a guest's own, or shared with him."""
        asked = {"Account": guest.visitor.account, "Request": request_id}
        return bool((await self._ask("mine", asked)).get("Mine"))

    async def open_to(self, guest: DoorGuest, request_id: int) -> bool:
        """Let a guest onto the board of his running request by the key that he has proved.

        Tells whether the board has taken it. Raises ForbiddenError, SharingError.
        """
        asked = {
            "Account": guest.visitor.account,
            "Request": request_id,
            "Key": guest.key,
            "Source": guest.source,
        }
        return bool((await self._ask("open", asked)).get("Open"))

    async def called(self, request_id: int, name: str) -> None:
        """Have the board of a request show a certificate for the name that was typed.

        Whoever comes gets in without one, too: then ssh knows the board by its key, or not at all.
        """
        try:
            await self._ask("called", {"Request": request_id, "Name": name})
        except BorutaError as error:
            log.info("request %d: no certificate for %r: %s", request_id, name, error.message)

    async def gone(self, held: Sequence[KeyHolding]) -> frozenset[int]:
        """Return the places, from 0, of those who would not be let in any more."""
        answer = await self._ask("still", {"Held": [write(one) for one in held]})
        return frozenset(int(place) for place in answer.get("Gone", ()))

    async def settings(self) -> DoorSettings:
        """Return the server's settings for the door, the last ones known while it is away."""
        now = self._clock.monotonic()
        if now >= self._settings_until:
            try:
                self._settings = read(DoorSettings, await self._ask("settings", {}))
            except UnavailableError:
                return self._settings
            self._settings_until = now + SETTINGS_FOR
        return self._settings

    def _channel(self, account: str, scope: Scope, source: str) -> Channel:
        headers = {ACCOUNT_HEADER: account, SCOPE_HEADER: scope.value, SOURCE_HEADER: source}
        return Transport(ClientConfig(server=SERVER), _Speaking(self._wire, headers))

    async def _ask_patiently(self, what: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask again for a while where no server is there: one that starts anew is not away."""
        until = self._clock.monotonic() + self._patience
        while True:
            try:
                return await self._ask(what, content)
            except UnavailableError as error:
                absent = isinstance(error.__cause__, httpx.ConnectError)
                if not absent or self._clock.monotonic() >= until:
                    raise
            await asyncio.sleep(PAUSE)

    async def _ask(self, what: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            response = await self._asking.post(what, json=dict(content))
        except httpx.TransportError as error:
            raise UnavailableError(f"{self._address} does not answer ({error})") from error
        if response.status_code != 200:
            raise error_of(response.status_code, response.content, self._address)
        answer = response.json()
        assert isinstance(answer, dict)
        return answer


class GuestFarm(Farm):
    """The farm for one guest, with the events that all share."""

    def __init__(self, channel: Channel, news: News, clock: Clock) -> None:
        super().__init__(channel, clock)
        self._news = news

    def watch(
        self, *, request_id: int | None = None, worker: str | None = None, after: int | None = None
    ) -> aclosing[AsyncGenerator[Happening, None]]:
        """Follow events, without a connection of its own."""
        return aclosing(self._news.read(request_id=request_id, worker=worker))


class _Speaking(httpx.AsyncBaseTransport):
    """Send calls over a wire that many share, naming for whom."""

    def __init__(self, wire: httpx.AsyncBaseTransport, headers: Mapping[str, str]) -> None:
        self._wire = wire
        self._headers = headers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a call."""
        request.headers.update(self._headers)
        return await self._wire.handle_async_request(request)

    async def aclose(self) -> None:
        """Leave the wire to the others."""
