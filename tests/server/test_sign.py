"""A folder on a network file system has servers of one machine, however little its locks say."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from boruta_farm.dryad.proc import mounts
from boruta_farm.dryad.proc.mounts import Mount
from boruta_farm.model.errors import ConfigError
from boruta_farm.server import sign
from boruta_farm.server.folder import LOCK_FILE, DataFolder
from boruta_farm.server.sign import Sign, networked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "server.lock"
    made.touch(0o600)
    return made


def test_a_living_server_of_another_machine_is_seen(path: Path) -> None:
    Sign(path, "one").put()
    moments = iter(range(1, 99))

    def passes(_seconds: float) -> None:
        os.utime(path, (0, next(moments)))

    with pytest.raises(ConfigError, match="a server on the machine one uses"):
        Sign(path, "two", passes).put()
    assert path.read_text() == "one"


def test_one_that_was_killed_is_not_waited_for_longer_than_it_renews(path: Path) -> None:
    Sign(path, "one").put()
    waited: list[float] = []
    Sign(path, "two", waited.append).put()
    assert path.read_text() == "two"
    assert sign.RENEW_EVERY < sum(waited) < 10


def test_one_that_was_stopped_or_ran_here_is_not_waited_for(path: Path) -> None:
    def never(_seconds: float) -> None:
        raise AssertionError("nobody is to be waited for")

    first = Sign(path, "one", never)
    first.put()
    first.put()
    Sign(path, "two", never).take_away()
    assert path.read_text() == "one", "not another's"
    first.take_away()
    Sign(path, "two", never).put()


async def test_it_is_renewed(path: Path) -> None:
    os.utime(path, (0, 0))
    renewing = asyncio.create_task(Sign(path, "one").keep_renewing())
    await asyncio.sleep(0)
    assert (await asyncio.to_thread(path.stat)).st_mtime > 0
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing


@pytest.mark.parametrize(("kind", "found"), [("nfs4", True), ("cifs", True), ("ext4", False)])
def test_the_kernel_tells_of_network_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, found: bool
) -> None:
    table = [
        Mount(point="/", kind="ext4", options=""),
        Mount(point=str(tmp_path), kind=kind, options=""),
    ]
    monkeypatch.setattr(mounts, "list_mounts", lambda: table)
    assert networked(tmp_path) is found


def test_a_data_folder_there_bears_the_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boruta_farm.server.folder.networked", lambda _path: True)
    folder = DataFolder(tmp_path / "data")
    folder.open()
    assert folder.sign is not None
    lock = tmp_path / "data" / LOCK_FILE
    assert lock.read_text()
    folder.close()
    assert lock.read_text() == ""
