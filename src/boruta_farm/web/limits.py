"""How much of a body a call may bring, and how long it may take.

Whatever is sent beyond it is read and thrown away, for a while, by the connection itself.
"""

import asyncio

from starlette.types import Receive, Scope

from boruta_farm.web.calls import DIRECT, Direct, in_task
from boruta_farm.web.errors import BodyTooLargeError, CallerGoneError, SlowBodyError

MAX_BODY = 1024 * 1024


def check_length(scope: Scope) -> None:
    """Refuse a body that announces itself as too large and waits for leave to be sent.

    Raises BodyTooLargeError.
    """
    announced = 0
    expects = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            announced = int(value) if value.isdigit() and len(value) < 20 else 0
        elif name == b"expect":
            expects = True
    if expects and announced > MAX_BODY:
        raise BodyTooLargeError


async def read_body(scope: Scope, receive: Receive, timeout: float) -> bytes:
    """Return a call's whole body.

    ``timeout`` is in seconds for all of it. Raises BodyTooLargeError above 1 MiB, SlowBodyError,
    CallerGoneError.
    """
    direct: Direct | None = scope.get(DIRECT)
    body = None if direct is None else direct.whole_body()
    if body is not None:
        if len(body) > MAX_BODY:
            raise BodyTooLargeError
        return body
    await in_task()
    try:
        async with asyncio.timeout(timeout):
            return await _read_parts(receive)
    except TimeoutError as error:
        raise SlowBodyError from error


async def _read_parts(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise BodyTooLargeError
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def disconnected(receive: Receive) -> None:
    """Return when the caller has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
