"""What our own SSH front door asks, over a unix socket that nobody else can open.

It lets people in, tells of it, and speaks for them: every other call on that socket is one of the
API, made for the account that its headers name. No right is judged at the door.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from boruta_farm.clock import Clock
from boruta_farm.contracts import Requests
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import FRONT_DOOR, Caller
from boruta_farm.model.errors import (
    BorutaError,
    RouteNotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.model.front_door import (
    ACCOUNT_HEADER,
    SCOPE_HEADER,
    SOURCE_HEADER,
    DoorSettings,
    DoorVisitor,
    Vouched,
)
from boruta_farm.model.permission import Permission
from boruta_farm.model.permission import Scope as TokenScope
from boruta_farm.model.request import Request
from boruta_farm.model.token import PREFIX as TOKENS
from boruta_farm.model.token import TokenKind
from boruta_farm.records.writing import write
from boruta_farm.web.auth import BEHALF, Behalf, Entrance, People
from boruta_farm.web.calls import in_task
from boruta_farm.web.errors import MalformedBodyError, answer_error
from boruta_farm.web.limits import read_body

log = logging.getLogger(__name__)

PREFIX = "/door/"
ONCE = f"{TOKENS}{TokenKind.ONCE.value[0]}_"
"""What one-time tokens begin with."""
PATIENCE = 10.0
Vouch = Callable[[int, str], Awaitable[bool]]
"""Has the board of a request show a certificate for a name, and tells whether it does."""
OpenTo = Callable[[Caller, int, str], Awaitable[Request]]
"""Lets a caller onto the board of his running request by a key, and returns that once it is so."""
_JSON = [(b"content-type", b"application/json")]


class Authority(Protocol):
    """Who judges certificates of people."""

    def judge(self, line: str, source: str, now: datetime) -> Vouched:
        """Return what a certificate proves. Raises UnauthenticatedError with what is wrong."""
        ...


class FrontDoorApp:
    """Serve the local socket: the door's own calls here, all others by the API."""

    def __init__(
        self,
        api: ASGIApp,
        requests: Requests,
        people: People,
        entrance: Entrance,
        clock: Clock,
        settings: Callable[[], DoorSettings],
        vouch: Vouch,
        open_to: OpenTo,
        authority: Authority | None = None,
        principals: Mapping[str, str] | None = None,
    ) -> None:
        """``authority`` judges people's certificates, whose ``principals`` are these accounts.

        Without ``principals`` they are accounts' names.
        """
        self._api = api
        self._requests = requests
        self._people = people
        self._entrance = entrance
        self._clock = clock
        self._settings = settings
        self._vouch = vouch
        self._open_to = open_to
        self._authority = authority
        self._principals = principals or None
        self._calls: dict[str, Callable[[dict[str, Any]], Awaitable[object]]] = {
            "key": self._key,
            "certificate": self._certificate,
            "token": self._token,
            "entered": self._entered,
            "refused": self._refused,
            "mine": self._mine,
            "open": self._open,
            "called": self._called,
            "still": self._still,
            "settings": self._tell_settings,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith(PREFIX):
            await self._answer(scope, receive, send)
            return
        given = {name: str(value, "latin-1") for name, value in scope["headers"]}
        account = given.get(ACCOUNT_HEADER.encode(), FRONT_DOOR.id)
        try:
            reach = TokenScope(given.get(SCOPE_HEADER.encode(), TokenScope.READ))
        except ValueError:
            reach = TokenScope.READ
        scope[BEHALF] = Behalf(account=account, scope=reach)
        scope["client"] = (given.get(SOURCE_HEADER.encode(), ""), 0)
        scope["server"] = (self._settings().reach, 0)
        await self._api(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body = 200, b""
        try:
            call = self._calls.get(scope["path"].removeprefix(PREFIX))
            if call is None:
                raise RouteNotFoundError
            given = json.loads(await read_body(scope, receive, PATIENCE) or b"{}")
            await in_task()
            if not isinstance(given, dict):
                raise MalformedBodyError
            body = json.dumps(await call(given)).encode()
        except BorutaError as error:
            told = answer_error(error, self._clock.now())
            status, body = told.status, told.body
        except ValueError:
            told = answer_error(MalformedBodyError(), self._clock.now())
            status, body = told.status, told.body
        headers = [*_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _key(self, given: dict[str, Any]) -> object:
        """Return whose key somebody shows; one that several accounts have, of the named one."""
        gate = self._people.gate
        if gate.open:
            return write(_everybody(gate.admit(None, "").name))
        found = gate.holders(str(given.get("Key", "")))
        if len(found) > 1:
            found = tuple(one for one in found if one.name == given.get("User"))
        if len(found) != 1:
            raise UnauthenticatedError("no account has this key")
        return write(DoorVisitor(account=found[0].id, name=found[0].name, scope=TokenScope.REQUEST))

    async def _certificate(self, given: dict[str, Any]) -> object:
        """Return for whom a company's authority vouches."""
        if self._people.gate.open:
            return write(_everybody(self._people.gate.admit(None, "").name))
        return write(self._vouched_for(given))

    def _vouched_for(self, given: Mapping[str, Any]) -> DoorVisitor:
        if self._authority is None:
            raise UnauthenticatedError("this farm takes no certificates")
        gate, user = self._people.gate, str(given.get("User", ""))
        source = str(given.get("Source", ""))
        told = self._authority.judge(str(given.get("Certificate", "")), source, self._clock.now())
        if self._principals is None:
            names = set(told.principals)
        else:
            names = {self._principals[p] for p in told.principals if p in self._principals}
        found = [account for name in names if (account := gate.account_named(name)) is not None]
        if len(found) > 1:
            found = [account for account in found if account.name == user]
        if len(found) != 1:
            which = "more than one account" if len(names) > 1 else "no account"
            raise UnauthenticatedError(
                f"{told.proof}: {', '.join(told.principals)[:200]} is {which} here"
                + ("; name one before the door: ssh -J NAME@FARM" if len(names) > 1 else "")
            )
        # Raises where it can do nothing.
        gate.speak_for(found[0].id, TokenScope.READ, source)
        return DoorVisitor(
            account=found[0].id,
            name=found[0].name,
            scope=TokenScope.REQUEST,
            proof=told.proof,
        )

    async def _token(self, given: dict[str, Any]) -> object:
        """Return whose token somebody gives; a one-time token is used up by that."""
        gate = self._people.gate
        secret, source, token = str(given.get("Token", "")), str(given.get("Source", "")), ""
        if gate.open:
            return write(_everybody(gate.admit(None, "").name))
        self._entrance.check_penalty(source, secret)
        try:
            if secret.startswith(ONCE):
                issued = await self._people.tokens.login(secret, source, "ssh front door")
                caller = gate.admit(issued.secret, source)
                # It was exchanged to be used up; nobody is to have what it was exchanged for.
                await self._people.tokens.revoke(caller, issued.token.id)
            else:
                caller = gate.admit(secret, source)
                caller.require(Permission.FILE_REQUESTS)
                token = caller.token or ""
        except UnauthenticatedError as refusal:
            await self._entrance.failed(source, secret, refusal)
            raise
        return write(
            DoorVisitor(account=caller.id, name=caller.name, scope=caller.scope, token=token)
        )

    async def _entered(self, given: dict[str, Any]) -> object:
        name = str(given.get("Name", ""))
        await self._people.audit.note(
            Note(
                actor=name,
                source=str(given.get("Source", "")),
                action=Action.LOGIN,
                subject=f"account {name}",
                detail={"with": str(given.get("Proof", "")), "at": "front door"},
            )
        )
        return {}

    async def _refused(self, given: dict[str, Any]) -> object:
        await self._entrance.refused(
            str(given.get("Source", "")),
            f"front door, user {str(given.get('User', ''))[:40]}",
            str(given.get("Reason", "")),
        )
        return {}

    async def _mine(self, given: dict[str, Any]) -> object:
        """Tell whether a request is an account's own, or shared with it."""
        if self._people.gate.open:
            return {"Mine": True}
        account = given.get("Account")
        request = await self._requests.get_request_info(FRONT_DOOR, _number(given))
        return {"Mine": account == request.owner or account in request.shared}

    async def _open(self, given: dict[str, Any]) -> object:
        """Let somebody onto the board of his running request by the key that he has proved."""
        account, source = str(given.get("Account", "")), str(given.get("Source", ""))
        caller = self._people.gate.speak_for(account, TokenScope.REQUEST, source)
        opened = await self._open_to(caller, _number(given), str(given.get("Key", "")))
        return {"Open": opened.live_job is not None and not opened.live_job.keys_pending}

    async def _called(self, given: dict[str, Any]) -> object:
        """Have a board show a certificate for the name by which somebody comes to it."""
        number, name = _number(given), given.get("Name")
        if not isinstance(name, str):
            raise MalformedBodyError
        return {"Shown": await self._vouch(number, name)}

    async def _still(self, given: dict[str, Any]) -> object:
        """Return the places, from 0, of those who would not be let in any more."""
        gate = self._people.gate
        gone = []
        for place, one in enumerate(given.get("Held", ())):
            account, key = str(one.get("Account", "")), str(one.get("Key", ""))
            try:
                gate.speak_for(account, TokenScope.READ, "")
            except UnauthenticatedError:
                gone.append(place)
                continue
            if not (gate.open or self._held(account, key, one)):
                gone.append(place)
        return {"Gone": gone}

    def _held(self, account: str, key: str, one: Mapping[str, Any]) -> bool:
        """Tell whether what somebody came with would still let him in."""
        if one.get("Certificate"):
            try:
                return self._vouched_for(one).account == account
            except UnauthenticatedError as error:
                log.info("a certificate lets nobody in any more: %s", error.message)
                return False
            except UnavailableError:
                # A file that is just being written puts nobody out.
                return True
        gate = self._people.gate
        if token := str(one.get("Token", "")):
            return gate.has_token(account, token)
        return not key or any(a.id == account for a in gate.holders(key))

    async def _tell_settings(self, _given: dict[str, Any]) -> object:
        return write(self._settings())


def _number(given: Mapping[str, Any]) -> int:
    number = given.get("Request")
    if not isinstance(number, int):
        raise MalformedBodyError
    return number


def _everybody(name: str) -> DoorVisitor:
    return DoorVisitor(account="", name=name, scope=TokenScope.ADMIN, open_farm=True)
