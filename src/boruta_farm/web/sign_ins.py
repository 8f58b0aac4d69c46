"""Calls by which others vouch: signing in by a provider, and the exchange of CI jobs' tokens."""

import logging
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from boruta_farm.clock import Clock
from boruta_farm.contracts.people import SignIns
from boruta_farm.model.addresses import network_of
from boruta_farm.model.errors import (
    BorutaError,
    ProviderNotFoundError,
    SignInRefusedError,
    UnauthenticatedError,
)
from boruta_farm.model.sign_in import DeviceHandle, ExchangedToken
from boruta_farm.rate import Rate
from boruta_farm.web.accounts import SECRET
from boruta_farm.web.answers import told
from boruta_farm.web.auth import Entrance, source_of
from boruta_farm.web.bodies import ExchangeBody, FormReader, Reader
from boruta_farm.web.calls import Answer, Call, Header, Stream
from boruta_farm.web.cookies import kept_cookie, kept_of, problem_cookie, session_cookie
from boruta_farm.web.errors import ParameterError, answer_error, status_of
from boruta_farm.web.lists import whole_list
from boruta_farm.web.shapes import body, recorder

log = logging.getLogger(__name__)

KEPT_FOR: Final = 600
"""Seconds for which a browser keeps what it must bring back."""
TRIES_PER_SECOND: Final = 2.0
TRIES_AT_ONCE: Final = 60.0
"""Of one address: each may have us call a provider."""
MOST_ANSWERED: Final = 20
LONGEST_ANSWERED: Final = 8192
"""Parameters of a provider's answer, and characters of all of them."""
PROBLEM_PLACE: Final = b"/sign-in"

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPES: Final = frozenset(
    {"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"}
)
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"

NO_WORKLOADS: Final = (
    "this farm takes no tokens of CI jobs: an admin adds [workload.NAME] to the server's "
    "configuration; no job needs one that has a token of the farm in BORUTA_TOKEN, or where the "
    "farm asks nobody who he is"
)
HANDLE_BODY = Reader(body(DeviceHandle), strict=True)
HANDLE = recorder(DeviceHandle)
EXCHANGE_BODY = FormReader(ExchangeBody)


class SignInCalls:
    """Answer the calls below ``sign-in``, and ``token-exchange``.

    ``sign_ins`` None is a farm whose configuration names nobody who vouches.
    """

    def __init__(self, sign_ins: SignIns | None, entrance: Entrance, clock: Clock) -> None:
        self._sign_ins = sign_ins
        self._entrance = entrance
        self._clock = clock
        self._tries = Rate(clock, TRIES_PER_SECOND, "this address that sign in", TRIES_AT_ONCE)

    async def list(self, call: Call) -> Stream:
        """List the providers that people can sign in by."""
        return whole_list(() if self._sign_ins is None else self._sign_ins.providers(), told)

    async def begin(self, call: Call) -> Answer:
        """Send a browser to a provider, with what it must bring back."""
        try:
            self._tries.take(network_of(source_of(call.scope)))
            place = next(iter(call.query("place")), "/")
            departure = await self._vouching().depart(call.parameter, place)
        except BorutaError as refusal:
            return self._not_signed_in(call, refusal)
        kept: Header = (b"set-cookie", kept_cookie(call.scope, departure.kept, KEPT_FOR))
        return _elsewhere(departure.address.encode("ascii"), kept)

    async def arrive(self, call: Call) -> Answer:
        """Make a session for whom a provider sent back."""
        source = source_of(call.scope)
        try:
            self._tries.take(network_of(source))
            answered = _answered(call.scope["query_string"])
            kept = kept_of(call.scope)
            if kept is None:
                raise SignInRefusedError(
                    "this browser did not begin this sign-in here, or refuses cookies; begin anew"
                )
            arrival = await self._vouching().arrive(call.parameter, kept, answered, source)
        except UnauthenticatedError as refusal:
            await self._entrance.refused(source, _subject(call), refusal.message)
            return self._not_signed_in(call, refusal)
        except BorutaError as refusal:
            return self._not_signed_in(call, refusal)
        issued = arrival.issued
        lasts = int((issued.token.expires - self._clock.now()).total_seconds())
        return _elsewhere(
            arrival.place.encode("ascii"),
            (b"set-cookie", session_cookie(call.scope, issued.secret, lasts)),
            (b"set-cookie", kept_cookie(call.scope, "", 0)),
        )

    async def begin_device(self, call: Call) -> Answer:
        """Begin a sign-in that is confirmed in a browser elsewhere."""
        self._tries.take(network_of(source_of(call.scope)))
        found = await self._vouching().begin_device(call.parameter)
        return Answer(status=201, headers=SECRET, body=told(found))

    async def ask_device(self, call: Call) -> Answer:
        """Tell whether such a sign-in was confirmed, with its token once it is."""
        source = source_of(call.scope)
        self._tries.take(network_of(source))
        asked = HANDLE(HANDLE_BODY.read(call.body))
        try:
            outcome = await self._vouching().ask_device(call.parameter, asked, source)
        except UnauthenticatedError as refusal:
            await self._entrance.refused(source, _subject(call), refusal.message)
            raise
        return Answer(status=200, headers=SECRET, body=told(outcome))

    async def exchange(self, call: Call) -> Answer:
        """Exchange the token that a CI system gave to its job; refusals bear RFC 6749's names."""
        source = source_of(call.scope)
        try:
            asked = EXCHANGE_BODY.read(call.body) or ExchangeBody()
            _check_exchange(asked)
            if self._sign_ins is None:
                raise ProviderNotFoundError(NO_WORKLOADS)
            issued = await self._sign_ins.exchange(asked.subject_token, source)
        except BorutaError as refusal:
            if isinstance(refusal, UnauthenticatedError):
                await self._entrance.refused(source, "token exchange", refusal.message)
            answer = answer_error(refusal, self._clock.now())
            shown = msgspec.json.decode(answer.body)
            shown |= {"error": _oauth_name(refusal), "error_description": shown["message"]}
            return answer._replace(body=msgspec.json.encode(shown))
        lasts = int((issued.token.expires - self._clock.now()).total_seconds())
        exchanged = ExchangedToken(
            access_token=issued.secret, expires_in=lasts, scope=str(issued.token.scope)
        )
        return Answer(status=200, headers=SECRET, body=told(exchanged))

    def _vouching(self) -> SignIns:
        if self._sign_ins is None:
            raise ProviderNotFoundError
        return self._sign_ins

    def _not_signed_in(self, call: Call, refusal: BorutaError) -> Answer:
        """Send a browser back to where one signs in, with the reason."""
        log.info("nobody was signed in from %s: %s", source_of(call.scope), refusal.message)
        words = refusal.message if status_of(refusal) != 500 else type(refusal).default_message()
        return _elsewhere(
            PROBLEM_PLACE,
            (b"set-cookie", problem_cookie(call.scope, words)),
            (b"set-cookie", kept_cookie(call.scope, "", 0)),
        )


def _elsewhere(place: bytes, *headers: Header) -> Answer:
    return Answer(status=303, headers=((b"location", place), *headers))


def _subject(call: Call) -> str:
    return f"provider {call.parameter[:40]}"


def _answered(query: bytes) -> dict[str, str]:
    """Return what a provider answered; what stands there twice could be taken either way."""
    if len(query) > LONGEST_ANSWERED:
        raise ParameterError("a provider's answer is shorter than this")
    try:
        pairs = parse_qsl(str(query, "latin-1"), max_num_fields=MOST_ANSWERED)
    except ValueError:
        raise ParameterError("a provider's answer has fewer parameters than this") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParameterError("a provider's answer tells each parameter once")
    return found


def _check_exchange(asked: ExchangeBody) -> None:
    if asked.grant_type != EXCHANGE:
        raise ParameterError(f"grant_type must be {EXCHANGE}")
    if asked.subject_token_type not in TOKEN_TYPES:
        raise ParameterError(f"subject_token_type must be {' or '.join(sorted(TOKEN_TYPES))}")
    if asked.requested_token_type not in ("", ACCESS_TOKEN):
        raise ParameterError(f"requested_token_type can only be {ACCESS_TOKEN}")


def _oauth_name(refusal: BorutaError) -> str:
    """Return what RFC 6749, 5.2, calls a refusal."""
    if isinstance(refusal, UnauthenticatedError | ProviderNotFoundError):
        return "invalid_grant"
    return "invalid_request" if status_of(refusal) < 500 else "temporarily_unavailable"
