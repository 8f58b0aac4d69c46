"""An agent names files of one folder, and no others."""

from pathlib import Path

import pytest

from boruta_farm.mcp.folder import FolderError, SharedFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "mine").write_text("mine")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    return root


@pytest.mark.parametrize("name", ["mine", "sub/../mine", "./mine"])
def test_a_file_of_it_is_named(folder: Path, name: str) -> None:
    assert SharedFolder(folder).existing(name).read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    [
        *("", "\0", ".", "sub", "missing", "link", "up/outside", "../outside"),
        *("/etc/passwd", "loop", "x" * 5000),
    ],
)
def test_no_other_is(folder: Path, name: str) -> None:
    with pytest.raises(FolderError):
        SharedFolder(folder).existing(name)


def test_what_arrives_is_put_in_place(folder: Path) -> None:
    with SharedFolder(folder).arriving("sub/new") as fresh:
        fresh.write_text("new")
    assert (folder / "sub" / "new").read_text() == "new"
    assert [path.name for path in (folder / "sub").iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["sub", "no/such", "link", "up/outside", "../new", "x" * 5000])
def test_nothing_arrives_elsewhere(folder: Path, name: str) -> None:
    with pytest.raises(FolderError), SharedFolder(folder).arriving(name) as fresh:
        fresh.write_text("new")
    assert (folder.parent / "outside").read_text() == "secret"


def test_a_link_or_folder_that_a_board_sends_is_dropped(folder: Path) -> None:
    with pytest.raises(FolderError, match="is no file"), SharedFolder(folder).arriving("a") as a:
        a.symlink_to("/etc/passwd")
    with pytest.raises(FolderError, match="is no file"), SharedFolder(folder).arriving("b") as b:
        b.mkdir()
    assert sorted(path.name for path in folder.iterdir()) == ["link", "loop", "mine", "sub", "up"]
