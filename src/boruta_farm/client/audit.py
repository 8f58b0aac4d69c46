"""The contract Audit over HTTP, as far as it is for callers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from boruta_farm.client.channel import Channel
from boruta_farm.client.wire import read
from boruta_farm.model.audit import AuditEntry, AuditFilter, Verification
from boruta_farm.model.errors import ProtocolError


class HttpAudit:
    """Read a server's audit line by line, and have its chain checked."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @asynccontextmanager
    async def lines(self, where: AuditFilter) -> AsyncIterator[AsyncIterator[str]]:
        """Open the entries that match, oldest first, each a line of JSON."""
        given = {
            "actor": where.actor,
            "action": where.action,
            "subject": where.subject,
            "since": None if where.since is None else where.since.isoformat(),
            "until": None if where.until is None else where.until.isoformat(),
        }
        query = {name: value for name, value in given.items() if value is not None}
        query |= {"after": str(where.after), "limit": str(where.limit)}
        async with self._channel.lines("audit", query) as lines:
            yield lines

    async def verify(self) -> Verification:
        """Have the whole chain checked."""
        return read(Verification, (await self._channel.get("audit/verify")).body)


def parse_line(line: str) -> AuditEntry:
    """Return the entry of an exported line. Raises ProtocolError."""
    try:
        value: object = json.loads(line)
    except ValueError as error:
        raise ProtocolError("the server sent an audit entry that is no JSON") from error
    return read(AuditEntry, value)
