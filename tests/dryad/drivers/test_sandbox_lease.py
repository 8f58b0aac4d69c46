"""What a sandbox keeps in its folder."""

from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxFolder, SandboxLease
from boruta_farm.model.errors import BoardError, ConfigError

LEASE = SandboxLease(mark="m", isolation=Isolation.SUBREAPER, boot_id="b")


def test_a_lease_is_read_back_until_removed(tmp_path: Path) -> None:
    folder = SandboxFolder(tmp_path)
    assert folder.read_lease() is None
    folder.write_lease(LEASE)
    assert SandboxFolder(tmp_path).read_lease() == LEASE
    folder.remove_lease()
    folder.remove_lease()
    assert folder.read_lease() is None


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
