"""The calls by which others vouch: sign-in providers for people, CI systems for their jobs."""

from boruta_farm.clock import Clock
from boruta_farm.contracts.people import SignIns
from boruta_farm.model.permission import Permission
from boruta_farm.model.sign_in import DeviceOutcome, DeviceSignIn, ExchangedToken, SignInProvider
from boruta_farm.web.auth import Entrance
from boruta_farm.web.routes import Parameter, Route, change, read
from boruta_farm.web.sign_ins import EXCHANGE_BODY, HANDLE_BODY, SignInCalls

_PLACE = Parameter(
    name="place", place="query", kind="string", words="where in the page to go afterwards"
)


def sign_in_routes(sign_ins: SignIns | None, entrance: Entrance, clock: Clock) -> tuple[Route, ...]:
    """Return the calls of signing in by others."""
    calls = SignInCalls(sign_ins, entrance, clock)
    return (
        read(
            "sign-in",
            calls.list,
            Permission.PUBLIC,
            "List the providers that people can sign in by",
            answer=list[SignInProvider],
        ),
        read(
            "sign-in/{provider}/begin",
            calls.begin,
            Permission.PUBLIC,
            "Send a browser to a provider (OpenID Connect, code flow with PKCE)",
            parameters=(_PLACE,),
            success=303,
            head=False,
        ),
        read(
            "sign-in/{provider}/callback",
            calls.arrive,
            Permission.PUBLIC,
            "Make a session for a browser that a provider has sent back",
            success=303,
            head=False,
        ),
        change(
            "sign-in/{provider}/device",
            calls.begin_device,
            Permission.PUBLIC,
            "Begin a sign-in that somebody confirms in a browser elsewhere (RFC 8628)",
            answer=DeviceSignIn,
            success=201,
        ),
        change(
            "sign-in/{provider}/device-token",
            calls.ask_device,
            Permission.PUBLIC,
            "Ask whether such a sign-in was confirmed; its token comes with the answer",
            reader=HANDLE_BODY,
            answer=DeviceOutcome,
        ),
        change(
            "token-exchange",
            calls.exchange,
            Permission.PUBLIC,
            "Exchange the token that a CI system gave to its job for a short one (RFC 8693)",
            reader=EXCHANGE_BODY,
            answer=ExchangedToken,
        ),
    )
