"""How much a caller may send, and how long it may take.

What uvicorn bounds itself (header size, idle connections) is set where it is started.
"""

import asyncio

from starlette.types import Message, Receive, Scope

from boruta_farm.web.errors import BodyTooLargeError, CallerGoneError, SlowBodyError

MAX_BODY = 1024 * 1024
MAX_DRAIN = 8 * MAX_BODY
"""So much more is read and thrown away, for a caller who reads answers only after sending."""


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


async def read_body(receive: Receive, timeout: float) -> bytes:
    """Return a call's whole body.

    ``timeout`` is in seconds for all of it. Raises BodyTooLargeError above 1 MiB, SlowBodyError,
    CallerGoneError.
    """
    try:
        async with asyncio.timeout(timeout):
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                body: bytes = message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise BodyTooLargeError
                return body
            return await _read_on(message, receive)
    except TimeoutError as error:
        raise SlowBodyError from error


async def _read_on(message: Message, receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise CallerGoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_DRAIN:
            raise BodyTooLargeError
        if size <= MAX_BODY:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
        message = await receive()
    if size > MAX_BODY:
        raise BodyTooLargeError
    return b"".join(chunks)


async def disconnected(receive: Receive) -> None:
    """Return when the caller has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
