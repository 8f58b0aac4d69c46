"""One call as an endpoint sees it, and what the endpoint answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol
from urllib.parse import parse_qs

from starlette.types import Receive, Scope

from boruta_farm.model.caller import Caller

Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")
"""Without a charset: the original's client compares it to the letter."""


DIRECT: Final = "boruta.direct"
"""Where a call's ASGI scope holds a ``Direct``, if its connection is one."""


class Direct(Protocol):
    """A connection that takes what ASGI makes messages of in one step each."""

    def whole_body(self) -> bytes | None:
        """Return the body where all of it has come and nothing was taken yet, else None."""
        ...

    def write_answer(self, status: int, headers: tuple[Header, ...], body: bytes) -> bool:
        """Write a whole answer, its length too; False where it has to be sent as messages."""
        ...


async def in_task() -> None:
    """Go on in a task: calls are answered without one until they ask for it.

    To be awaited before whatever asks for the current task, such as ``asyncio.timeout``.
    """
    await asyncio.sleep(0)


class Call(NamedTuple):
    """Carry what an endpoint may need; ``parameter`` is the path's variable segment, decoded.

    ``body`` is read only for routes that take one. It and ``Answer`` are made for every call, and
    frozen dataclasses take more than twice as long to make.
    """

    scope: Scope
    receive: Receive
    caller: Caller
    parameter: str
    body: bytes

    def header(self, name: bytes) -> str | None:
        """Return the first header of this lower-case name."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    def headers(self, name: bytes) -> list[str]:
        """Return all headers of this lower-case name, in order."""
        return [str(value, "latin-1") for key, value in self.scope["headers"] if key == name]

    def query(self, name: str) -> list[str]:
        """Return the values of a query parameter, empty ones included."""
        text = str(self.scope["query_string"], "latin-1")
        return parse_qs(text, keep_blank_values=True).get(name, [])


class Answer(NamedTuple):
    """Carry a whole answer."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Carry an answer that goes on: each chunk is written as soon as it is there."""

    headers: tuple[Header, ...]
    chunks: AsyncGenerator[bytes, None]
    status: Literal[200] = 200


Endpoint = Callable[[Call], Awaitable[Answer | Stream]]

NO_CONTENT = Answer(status=204)
