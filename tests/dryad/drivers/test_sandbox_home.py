"""The scratch home on disk."""

import os
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers import sandbox_home
from boruta_farm.dryad.drivers.sandbox_home import (
    ToolPlaces,
    describe_files,
    find_mounts,
    make_home,
    remove_home,
    session_environment,
)
from boruta_farm.model.errors import BoardError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "a home"
    make_home(home)
    return home


def test_only_the_owner_sees_the_home(home: Path) -> None:
    assert home.stat().st_mode & 0o777 == 0o700


def test_remove_home_counts_and_removes(home: Path) -> None:
    home.joinpath("file").touch()
    home.joinpath("link").symlink_to("/")
    assert remove_home(home) == ["2 files in the home"]
    assert not home.exists()
    assert remove_home(home) == []


def test_remove_home_removes_what_is_too_deep_for_paths(home: Path) -> None:
    folder = os.open(home, os.O_DIRECTORY)
    for _ in range(1500):
        os.mkdir("deeper", dir_fd=folder)
        inner = os.open("deeper", os.O_DIRECTORY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    remove_home(home)
    assert not home.exists()


def test_remove_home_leaves_the_targets_of_links(home: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("kept").mkdir()
    tmp_path.joinpath("kept", "file").touch()
    home.joinpath("link").symlink_to(tmp_path / "kept")
    remove_home(home)
    assert tmp_path.joinpath("kept", "file").exists()


def test_remove_home_removes_nothing_below_a_mount(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.joinpath("file").touch()
    monkeypatch.setattr(sandbox_home, "find_mounts", lambda _: [f"{home}/mounted"])
    with pytest.raises(BoardError, match="is mounted and cannot be unmounted"):
        remove_home(home)
    assert home.joinpath("file").exists()


def test_find_mounts_is_told_by_the_kernel() -> None:
    assert "/proc" in find_mounts(Path("/proc"))
    assert find_mounts(Path("/pro")) == []


def test_describe_files_counts_one(home: Path) -> None:
    assert describe_files(home) == []
    home.joinpath("file").touch()
    assert describe_files(home) == ["1 file in the home"]


def test_session_environment_keeps_temporary_files_in_the_home(home: Path) -> None:
    tools = ToolPlaces(programs=Path("/board/bin"), socket=Path("/board/dut.sock"))
    environment = session_environment(home, "someone", "/bin/sh", "mark", "a $(b)", tools)
    assert environment["PATH"].startswith("/board/bin:/usr/local/sbin:")
    assert environment["BORUTA_DUT"] == "/board/dut.sock"
    assert environment["BORUTA_SESSION"] == "mark"
    assert "PS1='someone@a___b_:" in environment["PROMPT_COMMAND"]
    assert Path(environment["TMPDIR"]).is_dir()
    assert Path(environment["TMPDIR"]).is_relative_to(home)
