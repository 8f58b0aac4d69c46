"""The codecs of all records, and what goes beyond them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from boruta_farm.model.account import Account, Group
from boruta_farm.model.audit import AuditEntry, Note
from boruta_farm.model.events import Event
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.summary import Summary
from boruta_farm.model.token import Token
from boruta_farm.model.worker import SessionKey, Worker
from boruta_farm.store.codec import Codec
from boruta_farm.store.driver import Row

REQUEST = Codec(Request)
JOB = Codec(Job)
WORKER = Codec(Worker)
SESSION_KEY = Codec(SessionKey)
EVENT = Codec(Event)
SUMMARY = Codec(Summary)
ENTRY = Codec(AuditEntry)
ACCOUNT = Codec(Account)
GROUP = Codec(Group)
TOKEN = Codec(Token)
PEOPLE: Mapping[str, Codec[Any]] = {"accounts": ACCOUNT, "farm_groups": GROUP, "tokens": TOKEN}
"""The codecs of what the farm knows of people, by the tables they lie in."""


def audit_row(number: int, at: datetime, note: Note) -> Row:
    """Return the row of a new entry in the audit."""
    return ENTRY.row(
        AuditEntry(
            number=number,
            at=at,
            actor=_visible(note.actor),
            source=_visible(note.source),
            action=note.action.value,
            subject=_visible(note.subject),
            detail={key: _visible(text) for key, text in note.detail.items()},
        )
    )


def _visible(text: str) -> str:
    """Return a text that may come from anywhere as a short visible line."""
    if text.isprintable():
        return text[:400]
    return "".join(c if c.isprintable() else "?" for c in text[:400])
