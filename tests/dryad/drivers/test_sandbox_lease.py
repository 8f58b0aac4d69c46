"""What a sandbox keeps in its folder."""

import json
import shutil
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxFolder, SandboxLease
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.model.errors import BoardError, ConfigError


def lease(folder: SandboxFolder) -> SandboxLease:
    """Return what a session of this boot in the folder writes."""
    return SandboxLease(
        mark="m",
        isolation=Isolation.SUBREAPER,
        boot_id=read_boot_id(),
        folder=folder.identity,
    )


def test_a_lease_is_read_back_until_removed(tmp_path: Path) -> None:
    folder = SandboxFolder(tmp_path)
    assert folder.read_lease() is None
    folder.write_lease(lease(folder))
    assert SandboxFolder(tmp_path).read_lease() == lease(folder)
    folder.remove_lease()
    folder.remove_lease()
    assert folder.read_lease() is None


def test_the_lease_in_a_copy_of_the_folder_is_another_boards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = SandboxFolder(tmp_path / "one")
    folder.path.mkdir()
    folder.write_lease(lease(folder))
    shutil.copytree(folder.path, tmp_path / "two")
    assert SandboxFolder(tmp_path / "two").read_lease() is None
    assert f"{tmp_path / 'two'} was copied from another board's folder" in caplog.text
    moved = SandboxFolder(folder.path.rename(tmp_path / "three"))
    assert moved.read_lease() == lease(moved)


def test_what_an_older_agent_wrote_is_the_folders_own(tmp_path: Path) -> None:
    folder = SandboxFolder(tmp_path)
    written = {"mark": "m", "isolation": "subreaper", "boot_id": read_boot_id()}
    tmp_path.joinpath("lease.json").write_text(json.dumps(written))
    assert folder.read_lease() == lease(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mark": "m", "isolation": "x", "boot_id": ""}'])
def test_a_damaged_lease_is_an_error(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("lease.json").write_text(text)
    with pytest.raises(BoardError, match="damaged"):
        SandboxFolder(tmp_path).read_lease()


def test_a_damaged_port_is_an_error(tmp_path: Path) -> None:
    folder = SandboxFolder(tmp_path)
    assert folder.read_port() == 0
    folder.write_port(61234)
    assert folder.read_port() == 61234
    tmp_path.joinpath("port").write_text("ssh")
    with pytest.raises(BoardError, match="no port number"):
        folder.read_port()


def test_a_folder_has_one_user(tmp_path: Path) -> None:
    first, second = SandboxFolder(tmp_path / "new"), SandboxFolder(tmp_path / "new")
    first.open()
    with pytest.raises(ConfigError, match="another agent uses"):
        second.open()
    first.close()
    second.open()
    second.close()
    assert first.path.stat().st_mode & 0o777 == 0o700
