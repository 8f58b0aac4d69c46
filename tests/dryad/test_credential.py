"""The board's credential: private, renewed, never lost however the power goes."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.dryad import credential as module
from boruta_farm.dryad.credential import Credential, digest_of, renewed
from boruta_farm.model.errors import StoreError


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


async def test_a_full_disk_puts_a_renewal_off_and_breaks_no_link(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The farm asks for it over every link anew: one that broke for it would break again."""
    credential, told = Credential(path), list[tuple[str, str]]()
    before, failures = credential.present(), iter([True, True, False, True, False])

    def sometimes(real: Callable[..., None]) -> Callable[..., None]:
        def write(*given: object) -> None:
            if next(failures):
                raise StoreError("the disk is full")
            real(*given)

        return write

    for name in ("write_durably", "rename_durably"):
        monkeypatch.setattr(module, name, sometimes(getattr(module, name)))

    async def tell(present: str, coming: str) -> None:
        told.append((present, coming))

    await renewed(credential, before, tell, again=0)
    assert told == [(digest_of(before), digest_of(credential.present()))]
    assert next(failures, None) is None
    assert credential.present() == Credential(path).present() != before


async def test_what_another_link_has_renewed_is_not_renewed_again(path: Path) -> None:
    """A board with two servers is asked over both its links, which came in with the same one."""
    credential, told = Credential(path), list[str]()
    presented = credential.present()

    async def tell(present: str, coming: str) -> None:
        told.append(coming)

    await renewed(credential, presented, tell)
    renewed_to = credential.present()
    await renewed(credential, presented, tell)
    assert told == [digest_of(renewed_to)]
    assert credential.present() == renewed_to
