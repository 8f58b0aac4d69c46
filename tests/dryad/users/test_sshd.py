from pathlib import Path

import pytest

from boruta_farm.dryad.users import sshd
from boruta_farm.dryad.users.sshd import SshServer, on_tmpfs
from boruta_farm.model.errors import BoardError

USUAL = {
    "pubkeyauthentication": "yes",
    "authorizedkeysfile": ".ssh/authorized_keys",
    "exposeauthinfo": "yes",
}
KEY = Path("/run/boruta/keys/bob")


class Server(SshServer):
    """An SSH server that is set to what the test says."""

    def __init__(self, **settings: str) -> None:
        self.said = settings
        self.fails = False

    def settings(self, name: str) -> dict[str, str]:
        if self.fails:
            raise BoardError("sshd was not found")
        return {**USUAL, **self.said}


def test_usual_settings_draw_no_warning_and_need_the_link() -> None:
    assert list(Server().warnings("bob", KEY)) == []
    assert not Server().looks_at("bob", KEY)


def test_the_agents_own_folder_needs_no_link() -> None:
    server = Server(authorizedkeysfile="/run/boruta/keys/%u")
    assert list(server.warnings("bob", KEY)) == []
    assert server.looks_at("bob", KEY)
    assert not server.looks_at("eve", KEY)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"pubkeyauthentication": "no"}, "nobody can log in"),
        ({"authorizedkeysfile": "/etc/keys/%u"}, "add /run/boruta/keys/%u"),
        ({"permituserenvironment": "yes"}, "set it to 'no'"),
        ({"exposeauthinfo": "no"}, "nobody can tell who is there"),
    ],
)
def test_what_keeps_users_out_is_told_with_its_mending(setting: dict[str, str], words: str) -> None:
    (warning,) = Server(**setting).warnings("bob", KEY)
    assert words in warning


def test_an_sshd_that_does_not_answer_warns_only() -> None:
    server = Server()
    server.fails = True
    (warning,) = server.warnings("bob", KEY)
    assert "settings are not known: sshd was not found" in warning
    assert not server.looks_at("bob", KEY)


def test_the_strongest_host_key_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sshd, "FOLDER", tmp_path)
    assert SshServer().host_key() is None
    (tmp_path / "ssh_host_rsa_key.pub").write_text("ssh-rsa AAAA root@pi\n")
    assert SshServer().host_key() == "ssh-rsa AAAA"
    (tmp_path / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 BBBB root@pi\n")
    assert SshServer().host_key() == "ssh-ed25519 BBBB"


def test_memory_is_told_from_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    lines = [
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 0:5 / /run rw - tmpfs tmpfs rw",
        "3 2 8:2 / /run/disk rw - ext4 /dev/sda2 rw",
        "4 1 0:6 / /over rw - tmpfs tmpfs rw",
        "5 4 8:3 / /over rw - ext4 /dev/sda3 rw",
    ]
    table.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr("boruta_farm.dryad.proc.mounts.MOUNTS", table)
    places = ("/run/boruta/keys", "/var/keys", "/run/disk/keys", "/running", "/over/x")
    assert [on_tmpfs(Path(place)) for place in places] == [True, False, False, False, False]


def test_a_certificate_lies_where_sshd_looks_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run" / "host_certificate.pub"
    monkeypatch.setattr(sshd, "CERTIFICATE", place)
    line = f"ssh-ed25519-cert-v01@openssh.com {'A' * 400}"
    for written in (line, f"{line}AA=="):
        Server().certify(written)
        assert place.read_text() == f"{written}\n"
    for bad in (f"{line}\n{line}", "ssh-ed25519 AAAA", f"command {line}", ""):
        with pytest.raises(BoardError, match="no certificate"):
            Server().certify(bad)
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert place.stat().st_mode & 0o777 == 0o644
