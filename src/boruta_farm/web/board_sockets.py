"""WebSockets that lead to boards of running requests: open as long as the right to them lasts."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from boruta_farm.contracts import Requests
from boruta_farm.feed import Feed
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    RequestNotFoundError,
    TerminalError,
)
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import RequestState
from boruta_farm.model.tunnel import REFUSED
from boruta_farm.race import race
from boruta_farm.web.auth import Entrance
from boruta_farm.web.errors import RequestIdError

logger = logging.getLogger(__name__)

LONGEST_REASON: Final = 120
"""Bytes of a close's reason: a frame of control holds 125 in all."""
BOUND: Final = 1000
DIGITS: Final = 15

Work = Callable[[WebSocket, Caller, int], Awaitable[None]]


class BoardSockets:
    """Serve WebSockets for those who may use a request's board; others are told why in the close.

    One lasts as long as the right, the request and its sharing do, and not a moment longer.
    """

    def __init__(self, entrance: Entrance, requests: Requests, feed: Feed) -> None:
        self._entrance = entrance
        self._requests = requests
        self._feed = feed

    async def serve(self, websocket: WebSocket, check: Callable[[Scope], None], work: Work) -> None:
        """Do some work for a caller who may have a request's board.

        ``check`` may refuse the call before anything is asked about the request. Who calls is
        asked first of all, as of every call: so what is refused counts, too.
        """
        await websocket.accept()
        try:
            caller = await self._entrance.admit(websocket.scope, Permission.USE_BOARDS)
            check(websocket.scope)
            request_id = _request_id(websocket)
            # Before the end is watched for: who has no right is told that, and not how it stands.
            await self._requests.acquire_worker(caller, request_id)
            await race(
                work(websocket, caller, request_id),
                self._gone(caller),
                self._over(caller, request_id),
            )
        except WebSocketDisconnect:
            return
        except BorutaError as error:
            await close(websocket, REFUSED, error.message)
        except Exception:
            logger.exception("a WebSocket to a board failed")
            await close(websocket, 1011, "the server failed; its log tells more")

    async def _gone(self, caller: Caller) -> None:
        await self._entrance.turned_away(caller)
        raise ForbiddenError("you are signed out")

    async def _over(self, caller: Caller, request_id: int) -> None:
        """Raise once the request's job is over, or is not the caller's to see any more."""
        while True:
            subscription = self._feed.subscribe(BOUND)
            try:
                request = await self._requests.get_request_info(caller, request_id)
                shared = caller.id in request.shared
                while True:
                    if request.state is not RequestState.IN_PROGRESS:
                        raise TerminalError("the job has ended")
                    if shared and caller.id not in request.shared:
                        raise ForbiddenError("this request is shared with you no more")
                    changes = await subscription.next()
                    if changes is None:
                        break
                    for change in changes:
                        if change.request is not None and change.request.id == request_id:
                            request = change.request
            finally:
                subscription.close()


async def close(websocket: WebSocket, code: int, words: str) -> None:
    """Close a socket and say why."""
    reason = words.encode()[:LONGEST_REASON].decode(errors="ignore")
    # The other side may be gone, or have closed first.
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(code, reason)


def _request_id(websocket: WebSocket) -> int:
    text = str(websocket.path_params["request_id"])
    if not (text.isascii() and text.isdigit()):
        raise RequestIdError
    if len(text) > DIGITS:
        raise RequestNotFoundError
    return int(text)
