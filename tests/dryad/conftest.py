"""Rooms with a board in them: one for each test file, since a room takes a second to make."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from tests.dryad.rooms import Room, Visitor, make_visitor, open_room, start_helper, write_config


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Return a room with an sshd."""
    folder: Path = tmp_path_factory.mktemp("room")
    with open_room(folder) as made:
        yield made


@pytest.fixture(scope="module")
def helper(room: Room) -> RemoteHost:
    """Return the way to a root helper in the room."""
    return start_helper(room, write_config(room.folder))


@pytest.fixture(scope="module")
def visitor(room: Room) -> Visitor:
    """Return somebody with a key."""
    return make_visitor(room, "key")


@pytest.fixture
async def host(helper: RemoteHost) -> AsyncIterator[RemoteHost]:
    """Return a host whose board is clean before and after the test."""
    await helper.inspect()
    await helper.clean()
    yield helper
    await helper.clean()
