"""Calls on the audit."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime

from boruta_farm.contracts.people import Audit
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import Caller
from boruta_farm.web.accounts import JSON
from boruta_farm.web.answers import told
from boruta_farm.web.calls import Answer, Call, Header, Stream
from boruta_farm.web.errors import ParameterError
from boruta_farm.web.times import parse_time

PAGE = 1000
LINES: tuple[Header, ...] = (
    (b"content-type", b"application/x-ndjson"),
    (b"cache-control", b"no-store"),
)


class AuditCalls:
    """Answer ``audit`` and ``audit/verify``."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def export(self, call: Call) -> Stream:
        """Write the entries that match as JSON lines, oldest first."""
        where = AuditFilter(
            after=_number(call, "after") or 0,
            actor=_text(call, "actor"),
            action=_text(call, "action"),
            subject=_text(call, "subject"),
            since=_moment(call, "since"),
            until=_moment(call, "until"),
            limit=PAGE,
        )
        # The first page is read before the answer begins, so that a refusal is an answer too.
        await self._audit.list_entries(call.caller, replace(where, limit=1))
        return Stream(headers=LINES, chunks=self._lines(call.caller, where, _number(call, "limit")))

    async def verify(self, call: Call) -> Answer:
        """Check the whole chain."""
        found = await self._audit.verify(call.caller)
        return Answer(status=200, headers=JSON, body=told(found))

    async def _lines(
        self, caller: Caller, where: AuditFilter, most: int | None
    ) -> AsyncGenerator[bytes, None]:
        left = most
        while left is None or left > 0:
            limit = PAGE if left is None else min(PAGE, left)
            page = await self._audit.list_entries(caller, replace(where, limit=limit))
            if not page:
                return
            yield b"".join(told(entry) + b"\n" for entry in page)
            where = replace(where, after=page[-1].number)
            left = None if left is None else left - len(page)


def _text(call: Call, name: str) -> str | None:
    return next(iter(call.query(name)), None)


def _number(call: Call, name: str) -> int | None:
    text = _text(call, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ParameterError(f"{name} is not a whole number")
    return int(text)


def _moment(call: Call, name: str) -> datetime | None:
    text = _text(call, name)
    try:
        return parse_time(text)
    except ValueError as error:
        raise ParameterError(f"{name}: {error}") from error
