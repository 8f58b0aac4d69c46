"""A terminal of the agent's becomes the session's, and nobody else's does."""

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.users.pseudo_terminal import give_terminal
from boruta_farm.model.errors import BoardError

SESSION = 70001
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to give files away takes root")


@pytest.fixture
def terminal() -> Iterator[Path]:
    ours, theirs = pty.openpty()
    yield Path(os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)


def owned(terminal: Path) -> tuple[int, int]:
    found = terminal.stat()
    return found.st_uid, found.st_mode & 0o777


def test_it_is_the_sessions_alone(terminal: Path) -> None:
    give_terminal(int(terminal.name), 0, SESSION)
    assert owned(terminal) == (SESSION, 0o600)


def test_anothers_is_not_given(terminal: Path) -> None:
    os.chown(terminal, 70002, -1)
    before = owned(terminal)
    with pytest.raises(BoardError, match="is not the agent's"):
        give_terminal(int(terminal.name), 0, SESSION)
    assert owned(terminal) == before


@pytest.mark.parametrize("number", [-1, 999_999_999])
def test_what_is_not_there_is_told(number: int) -> None:
    with pytest.raises(BoardError, match="cannot be given to the session: No such file"):
        give_terminal(number, 0, SESSION)
