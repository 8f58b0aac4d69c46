"""What the client needs of a connection, so that its parts know nothing of the HTTP library."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

NO_TEXTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodAnswer:
    """Carry a good answer: its JSON value (None for an empty body) and lower-case headers."""

    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """Talk to one server's API; paths are relative to ``/api/v1/``."""

    @property
    def host(self) -> str:
        """Return the host part of the server's address."""
        ...

    @property
    def offset(self) -> timedelta:
        """Return how far the server's clock was ahead of ours at its last answer."""
        ...

    async def get(self, path: str, query: Mapping[str, str] = NO_TEXTS) -> GoodAnswer:
        """Read something. Raises the error the server answers, or UnavailableError."""
        ...

    async def post(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] = NO_TEXTS,
        patience: float = 0.0,
    ) -> GoodAnswer:
        """Change something; ``patience`` seconds are added to the time an answer may take.

        Raises the error the server answers, UnavailableError when it was not reached, and
        OutcomeUnknownError when the connection broke after the call was sent.
        """
        ...

    def stream(
        self, path: str, query: Mapping[str, str] = NO_TEXTS
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open an answer of bytes, as they come. Raises as ``get`` does."""
        ...

    def lines(
        self, path: str, query: Mapping[str, str] = NO_TEXTS, headers: Mapping[str, str] = NO_TEXTS
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Open an answer that goes on, line by line. Raises as ``get`` does."""
        ...
