"""The board's credential: private, renewed, never lost however the power goes."""

import stat
from pathlib import Path

import pytest

from boruta_farm.dryad.credential import Credential, digest_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "credential"


def test_only_the_agent_can_read_it(path: Path) -> None:
    credential = Credential(path)
    credential.draft()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_draft_changes_nothing_yet(path: Path) -> None:
    credential = Credential(path)
    before = credential.present()
    assert credential.draft() == credential.draft() != digest_of(before)
    assert credential.present() == before == Credential(path).present()


def test_an_adopted_credential_is_the_announced_one(path: Path) -> None:
    credential = Credential(path)
    before = credential.present()
    announced = credential.draft()
    credential.adopt()
    assert digest_of(credential.present()) == announced
    assert credential.present() == Credential(path).present() != before
    assert [file.name for file in path.parent.iterdir()] == ["credential"]


def test_a_restart_in_between_announces_the_same_one(path: Path) -> None:
    """The farm may know of it already; another one would leave two strangers there."""
    announced = Credential(path).draft()
    restarted = Credential(path)
    assert restarted.draft() == announced
    restarted.adopt()
    assert digest_of(Credential(path).present()) == announced


def test_a_damaged_draft_is_made_anew(path: Path) -> None:
    credential = Credential(path)
    path.with_name("credential.next").write_text("torn")
    announced = credential.draft()
    credential.adopt()
    assert digest_of(credential.present()) == announced
