"""From a connection to an endpoint and back: the hot path of every call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from boruta_farm.clock import Clock
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import BorutaError, ForbiddenError, RouteNotFoundError
from boruta_farm.model.permission import Permission
from boruta_farm.web.auth import BODY_OF_A_CALL, NOBODY, Entrance, by_cookie, source_of
from boruta_farm.web.calls import DIRECT, Answer, Call, Direct, Header, Stream, in_task
from boruta_farm.web.errors import ParameterError, answer_error
from boruta_farm.web.hardening import hardened
from boruta_farm.web.limits import check_length, disconnected, read_body
from boruta_farm.web.lists import NOTHING_LISTED
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.origins import Cors, check_origin, check_own_page
from boruta_farm.web.redirects import destination, redirect
from boruta_farm.web.routes import Route, Router, segments_of
from boruta_farm.web.services import WebOptions

log = logging.getLogger(__name__)

LONGEST_PATH = 8192
MOST_PARAMETERS = 100
"""Parameters of a query: they are read in Python, several times."""

_BODY = "http.response.body"
_START = "http.response.start"


class Dispatcher:
    """Serve the API's routes; everything outside the API goes to ``elsewhere``."""

    def __init__(
        self,
        routes: tuple[Route, ...],
        elsewhere: ASGIApp,
        options: WebOptions,
        entrance: Entrance,
        clock: Clock,
        traffic: Traffic,
        sockets: Mapping[str, Callable[[WebSocket], Awaitable[None]]] = MappingProxyType({}),
    ) -> None:
        """``sockets`` are WebSockets by their paths: whoever passes thousands of them through the
        pages' router keeps a dozen of its coroutines and closures for each, two KiB.
        """
        self._traffic = traffic
        self._router = Router(routes)
        self._elsewhere = elsewhere
        self._body_timeout = options.body_timeout
        self._origins = options.cors_origins
        self._cors = Cors(options.cors_origins)
        self._entrance = entrance
        self._clock = clock
        self._sockets = sockets
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End open event streams, so that a server that shuts down need not wait for them."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            serve = self._sockets.get(scope["path"]) if scope["type"] == "websocket" else None
            if serve is None:
                await self._elsewhere(scope, receive, send)
            else:
                await serve(WebSocket(scope, receive, send))
            return
        preflight = self._cors.preflight(scope)
        if preflight is not None:
            headers = _dressed(preflight.headers, (), scope)
            await _send(preflight.status, headers, preflight.body, scope, send)
            return
        method: str = scope["method"]
        path: str = scope["path"]
        long = len(path) > LONGEST_PATH
        segments = None if long else segments_of(scope)
        found = None if segments is None else self._router.find(method, segments)
        caller = NOBODY
        answer: Answer | Stream
        if found is not None:
            route, begun = found[0], self._clock.monotonic()
            answer, caller = await self._answer(route, found[1], scope, receive)
            taken = self._clock.monotonic() - begun
            self._traffic.note(route.method, route.path, answer.status, taken)
        elif long:
            answer = answer_error(RouteNotFoundError(), self._clock.now())
        else:
            place = destination(path, self._router.knows)
            if place is not None:
                answer = redirect(method, place, scope["query_string"])
            elif segments is not None:
                answer = answer_error(RouteNotFoundError(f"{path} not found"), self._clock.now())
            else:
                await in_task()
                await self._elsewhere(scope, receive, self._dressing(scope, send))
                return
        headers = _dressed(answer.headers, self._cors.headers(scope), scope)
        if isinstance(answer, Answer):
            await _send(answer.status, headers, answer.body, scope, send)
        elif method == "HEAD":
            await answer.chunks.aclose()
            await _send(200, headers, b"", scope, send)
        else:
            await in_task()
            stream = Stream(headers=headers, chunks=answer.chunks)
            await self._send_stream(stream, caller, receive, send)

    def _dressing(self, scope: Scope, send: Send) -> Send:
        """Return what gives the answers of others the headers that every answer bears."""
        extra = self._cors.headers(scope)

        async def send_dressed(message: Message) -> None:
            if message["type"] == _START:
                message["headers"] = _dressed(tuple(message.get("headers", ())), extra, scope)
            await send(message)

        return send_dressed

    async def _answer(
        self, route: Route, parameter: str, scope: Scope, receive: Receive
    ) -> tuple[Answer | Stream, Caller]:
        caller = NOBODY
        try:
            # Before anything is read: who may not call must not cost more than this.
            caller = await self._entrance.admit(scope, route.permission)
            query: bytes = scope["query_string"]
            if query:
                if query.count(b"&") >= MOST_PARAMETERS:
                    raise ParameterError(f"a call takes at most {MOST_PARAMETERS} parameters")
                # Each is as much work as a call that asks for it alone.
                self._entrance.weigh(scope, caller, query.count(b"explain="))
            body = b""
            if route.method == "POST":
                if by_cookie(scope):
                    check_own_page(scope)
                else:
                    check_origin(scope, self._origins)
                check_length(scope)
                if route.reader is not None:
                    body = await read_body(scope, receive, self._body_timeout)
                    self._entrance.weigh(scope, caller, len(body) // BODY_OF_A_CALL)
            call = Call(
                scope=scope,
                receive=receive,
                caller=caller,
                parameter=parameter,
                body=body,
            )
            if not route.prompt:
                await in_task()
            good = await route.endpoint(call)
            if route.permission is Permission.USE_BOARDS:
                # It may have waited for minutes, and what it answers with is a key.
                self._entrance.still_admitted(scope, caller, route.permission)
            return good, caller
        except ForbiddenError as error:
            log.info("refused %s %s from %s: %s", route.method, route.path, source_of(scope), error)
            answer = answer_error(error, self._clock.now())
        except BorutaError as error:
            answer = answer_error(error, self._clock.now())
        except Exception:
            # The caller must get an answer whatever is wrong with us; the log has the details.
            log.exception("%s %s failed", route.method, route.path)
            answer = answer_error(BorutaError(), self._clock.now())
        if route.listing:
            headers = answer.headers + NOTHING_LISTED
            answer = Answer(status=answer.status, headers=headers, body=answer.body)
        return answer, caller

    async def _send_stream(
        self, stream: Stream, caller: Caller, receive: Receive, send: Send
    ) -> None:
        """Write chunks until they end, the caller goes, is turned away, or the server stops."""
        await send({"type": _START, "status": 200, "headers": stream.headers})
        tasks = [
            asyncio.create_task(self._entrance.turned_away(caller)),
            asyncio.create_task(_write(stream, send)),
            asyncio.create_task(disconnected(receive)),
            asyncio.create_task(self._stopped()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
                log.error("an answer broke off", exc_info=outcome)
        await send({"type": _BODY, "body": b""})

    async def _stopped(self) -> None:
        await self._stopping.wait()


async def _write(stream: Stream, send: Send) -> None:
    async with aclosing(stream.chunks) as chunks:
        async for chunk in chunks:
            await send({"type": _BODY, "body": chunk, "more_body": True})


def _dressed(
    headers: tuple[Header, ...], extra: tuple[Header, ...], scope: Scope
) -> tuple[Header, ...]:
    """Return an answer's headers with those that every answer bears."""
    return hardened(headers + extra, encrypted=scope["scheme"] == "https")


async def _send(
    status: int, headers: tuple[Header, ...], body: bytes, scope: Scope, send: Send
) -> None:
    """Write an answer; HEAD gets the status 204 for a good one, as its clients insist."""
    if scope["method"] == "HEAD":
        status = 204 if status == 200 else status
        await send({"type": _START, "status": status, "headers": headers})
        await send({"type": _BODY})
        return
    direct: Direct | None = scope.get(DIRECT)
    if direct is not None and direct.write_answer(status, headers, body):
        return
    if status != 204:
        length: Header = (b"content-length", b"%d" % len(body))
        headers = (*headers, length)
    await send({"type": _START, "status": status, "headers": headers})
    await send({"type": _BODY, "body": body})
