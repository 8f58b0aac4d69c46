"""Folders and files of secrets: others are shut out, or it is refused in words."""

import logging
import stat
from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.privacy import check_private, exposure, keep_others_out


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.mark.parametrize("allowed", [0o700, 0o750, 0o755, 0o711])
def test_who_may_not_write_changes_nothing(
    folder: Path, allowed: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(allowed)
    keep_others_out(folder, "data")
    assert mode(folder) == allowed
    assert caplog.records == []


@pytest.mark.parametrize(("before", "after"), [(0o775, 0o755), (0o770, 0o750)])
def test_a_group_s_right_to_write_is_taken_and_that_is_told(
    folder: Path, before: int, after: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(before)
    (folder / "secret.key").touch()
    check_private(folder, "data")
    assert mode(folder) == before
    with caplog.at_level(logging.WARNING):
        keep_others_out(folder, "data")
    assert mode(folder) == after
    assert f"data: {folder} could be written to by others (mode {before:04o})" in caplog.text


def test_a_folder_for_all_in_which_nothing_lies_is_made_private(folder: Path) -> None:
    folder.chmod(0o777)
    keep_others_out(folder, "data")
    assert mode(folder) == 0o755


@pytest.mark.parametrize("check", [keep_others_out, check_private])
def test_what_anybody_may_have_replaced_is_refused(folder: Path, check: object) -> None:
    (folder / "secret.key").touch()
    folder.chmod(0o777)
    assert callable(check)
    with pytest.raises(ConfigError, match=rf"mode 0777.*if nobody did, run: chmod 700 {folder}"):
        check(folder, "data")
    assert mode(folder) == 0o777


def test_a_folder_that_is_meant_for_all_is_not_taken_from_them(folder: Path) -> None:
    folder.chmod(0o1777)
    with pytest.raises(ConfigError, match=r"folder for everybody .mode 1777.; name one of its own"):
        keep_others_out(folder, "data")
    assert mode(folder) == 0o1777


@pytest.mark.parametrize(
    ("given", "words"),
    [(0o600, ""), (0o640, ""), (0o644, "everybody"), (0o660, "its group can change it")],
)
def test_files_with_a_secret_are_for_owner_and_group_to_read(
    tmp_path: Path, given: int, words: str
) -> None:
    path = tmp_path / "settings.toml"
    path.touch()
    path.chmod(given)
    told = exposure(path)
    assert words in told
    assert bool(told) == bool(words)
