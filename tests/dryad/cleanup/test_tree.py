import os
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup.tree import Sweep, Tally


def marked(status: os.stat_result) -> bool:
    """Stand in for ownership, which only root can give away: the session's are of mode ..1."""
    return bool(status.st_mode & 0o001)


def sweep(
    folder: Path,
    *,
    remove: bool = True,
    everything: bool = False,
    owned: Callable[[os.stat_result], bool] = marked,
) -> Tally:
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return Sweep(owned, remove=remove, everything=everything).sweep(top)
    finally:
        os.close(top)


def touch(path: Path, mode: int) -> Path:
    path.write_text("x")
    path.chmod(mode)
    return path


def folder(path: Path, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


def test_what_belongs_to_the_session_goes_and_the_rest_stays(tmp_path: Path) -> None:
    mine, other = touch(tmp_path / "mine", 0o601), touch(tmp_path / "other", 0o600)
    shared = folder(tmp_path / "shared", 0o700)
    inside = touch(shared / "inside", 0o601)
    own = folder(tmp_path / "own", 0o701)
    foreign = touch(own / "foreign", 0o600)
    tally = sweep(tmp_path)
    assert not any(path.exists() for path in (mine, inside, own, foreign))
    assert other.exists()
    assert shared.exists()
    assert (tally.count, tally.kept) == (4, [])


def test_looking_changes_nothing(tmp_path: Path) -> None:
    mine = touch(tmp_path / "mine", 0o601)
    tally = sweep(tmp_path, remove=False)
    assert mine.exists()
    assert (tally.count, tally.examples) == (1, ["mine"])


def test_a_link_is_removed_and_never_followed(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", 0o701)
    precious = touch(outside / "precious", 0o601)
    top = folder(tmp_path / "top", 0o700)
    (top / "link").symlink_to(outside)
    (top / "dangling").symlink_to("/nowhere")
    (top / "loop").symlink_to(".")
    assert sweep(top, everything=True).count == 3
    assert list(top.iterdir()) == []
    assert precious.exists()


def test_a_tree_deeper_than_any_path_goes(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(300):
        os.mkdir("deep" * 10, dir_fd=here)
        below = os.open("deep" * 10, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert sweep(tmp_path, everything=True).count == 300
    assert list(tmp_path.iterdir()) == []


def test_odd_names_and_kinds_go(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", b"new\nline", b"-rf", b" ", b"a" * 255):
        (tmp_path / os.fsdecode(name)).write_text("x")
    os.mkfifo(tmp_path / "fifo")
    folder(tmp_path / "closed", 0o000)
    tally = sweep(tmp_path, everything=True)
    assert list(tmp_path.iterdir()) == []
    assert tally.count == 7
    assert all(name.isprintable() for name in tally.examples)


def test_many_files_go(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"{number}").touch()
    assert sweep(tmp_path, everything=True).count == 1500
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_swapped_for_a_link_meanwhile_is_not_entered(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", 0o700)
    precious = touch(outside / "precious", 0o601)
    top = folder(tmp_path / "top", 0o700)
    victim = folder(top / "victim", 0o700)

    def swapping(status: os.stat_result) -> bool:
        # Asked about the folder after it was seen and before it is entered.
        if victim.is_dir() and not victim.is_symlink():
            victim.rmdir()
            victim.symlink_to(outside)
        return marked(status)

    tally = sweep(top, owned=swapping)
    assert precious.exists()
    assert tally.kept == [] or "victim" in tally.kept[0]


@pytest.mark.parametrize("remove", [True, False])
def test_an_empty_folder_has_nothing(remove: bool, tmp_path: Path) -> None:
    assert sweep(tmp_path, remove=remove) == Tally()
