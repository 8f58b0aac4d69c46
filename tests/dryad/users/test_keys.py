import base64
import os
import stat
import time
from pathlib import Path

import pytest

from boruta_farm.dryad.users.keys import KeyFile, check_key, expiry
from boruta_farm.model.errors import BoardError


def key(kind: str = "ssh-ed25519", inner: str | None = None) -> str:
    name = (inner or kind).encode()
    blob = len(name).to_bytes(4, "big") + name + bytes(36)
    return f"{kind} {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com"])
def test_a_key_is_kept_without_its_comment(kind: str) -> None:
    assert check_key(f"{key(kind)} me@home") == key(kind)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!!",
        f'command="rm" {key()}',
        f"no-pty,{key()}",
        key("ssh-ed25519", "ssh-rsa"),
        f"# {key()}",
        key("ssh-ed25519") + "x" * 20000,
    ],
)
def test_what_is_no_plain_key_is_refused(line: str) -> None:
    with pytest.raises(BoardError, match="must be a public key"):
        check_key(line)


def test_the_file_is_for_root_and_names_its_end(tmp_path: Path) -> None:
    file = KeyFile("bob", tmp_path / "keys")
    file.write((key(),), os.getegid(), 3600)
    option, _, rest = file.path.read_text().partition(" ")
    assert rest == f"{key()}\n"
    end = time.mktime(time.strptime(option, 'expiry-time="%Y%m%d%H%M%S"'))
    assert 3590 < end - time.time() <= 3600
    status = file.path.stat()
    assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert stat.S_IMODE(file.path.parent.stat().st_mode) & 0o022 == 0
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_link_in_the_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched")
    file = KeyFile("bob", tmp_path)
    file.path.symlink_to(other)
    file.write((key(),), os.getegid(), 60)
    assert not file.path.is_symlink()
    assert other.read_text() == "untouched"


def test_removing_tells_whether_there_was_one(tmp_path: Path) -> None:
    file = KeyFile("bob", tmp_path)
    assert not file.remove()
    file.write((key(),), os.getegid(), 60)
    assert file.remove()
    assert not file.path.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    file = KeyFile("none/bob", tmp_path / "keys")
    with pytest.raises(BoardError, match="cannot be written"):
        file.write((key(),), os.getegid(), 60)


def test_the_end_is_written_in_local_time() -> None:
    assert expiry(time.mktime((2026, 11, 25, 20, 5, 9, 0, 0, -1))) == "20261125200509"
