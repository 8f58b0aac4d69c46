"""Keyrings that cannot be asked for; real ones are emptied in tests/security/test_leftovers.py."""

import errno
import os
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup import keyrings
from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.errors import BoardError

UID = 70_999


def test_where_a_container_forbids_the_call_the_remedy_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(number: int, *arguments: object) -> int:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(keyrings, "call", refused)
    monkeypatch.setattr(keyrings, "list_key_owners", lambda: [0, UID])
    session = Session(
        name="boruta-user", uids=UidRange(first=UID, last=UID + 1), home=Path("/nonexistent")
    )
    for look in (keyrings.Keyrings().left, keyrings.Keyrings().end):
        with pytest.raises(BoardError, match="let the container of the agent call keyctl"):
            look(session)
