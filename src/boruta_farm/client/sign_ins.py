"""Signing in at a server by others: its providers, and the CI system whose job this is."""

from urllib.parse import quote, urlencode

from boruta_farm.client.channel import Channel
from boruta_farm.client.wire import body, read, read_all
from boruta_farm.model.errors import ProviderNotFoundError, RouteNotFoundError
from boruta_farm.model.sign_in import (
    DeviceHandle,
    DeviceOutcome,
    DeviceSignIn,
    ExchangedToken,
    SignInProvider,
)

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HttpSignIns:
    """Sign in by what a server knows of others."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def providers(self) -> tuple[SignInProvider, ...]:
        """Return the providers that people can sign in by; none where a server is too old."""
        try:
            return read_all(SignInProvider, (await self._channel.get("sign-in")).body)
        except RouteNotFoundError:
            return ()

    async def begin_device(self, provider: str) -> DeviceSignIn:
        """Return a code that somebody confirms in a browser."""
        answer = await self._channel.post(f"sign-in/{_segment(provider)}/device")
        return read(DeviceSignIn, answer.body)

    async def ask_device(self, provider: str, asked: DeviceHandle) -> DeviceOutcome:
        """Return whether it was confirmed, with the token once it is."""
        path = f"sign-in/{_segment(provider)}/device-token"
        return read(DeviceOutcome, (await self._channel.post(path, body(asked))).body)

    async def exchange(self, token: str) -> ExchangedToken:
        """Return a short token of the server for one that a CI system gave to its job."""
        form = urlencode({**EXCHANGE, "subject_token": token}).encode()
        answer = await self._channel.post("token-exchange", form, FORM)
        return read(ExchangedToken, answer.body)


def _segment(provider: str) -> str:
    if not provider or provider in (".", ".."):
        raise ProviderNotFoundError
    return quote(provider, safe="")
