"""One call as an endpoint sees it, and what the endpoint answers."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from starlette.types import Receive, Scope

from boruta_farm.model.caller import Caller

Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")
"""Without a charset: the original's client compares it to the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Carry what an endpoint may need; ``parameter`` is the path's variable segment, decoded.

    ``body`` is read only for routes that take one.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
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
