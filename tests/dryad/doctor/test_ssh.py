"""Settings of sshd as ``sshd -T`` tells them, judged for the session user."""

import asyncio
import shutil
from pathlib import Path

import pytest

from boruta_farm.dryad.doctor.ssh import check_ssh, closed, judge
from boruta_farm.dryad.findings import Verdict
from tests.dryad.doctor.configs import config

NEW = {
    "pubkeyauthentication": "yes",
    "permittty": "yes",
    "pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
    "subsystem": "sftp /usr/lib/openssh/sftp-server",
    "forcecommand": "none",
    "hostcertificate": "/run/boruta/host_certificate.pub",
}
OPEN = {**NEW, "pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-256,ssh-rsa"}


def test_a_server_open_to_old_clients_is_fine() -> None:
    assert {finding.verdict for finding in judge(OPEN, "boruta-user")} == {Verdict.GOOD}


def test_old_clients_are_let_in_for_the_session_user_only() -> None:
    [finding] = judge(NEW, "lab-user")
    assert finding.verdict is Verdict.ADVICE
    assert "ssh-rsa" in finding.fact
    lines = [line.strip() for line in finding.remedy.splitlines()]
    assert lines[0].endswith("Match User lab-user")
    assert lines[1] == "PubkeyAcceptedAlgorithms +ssh-rsa"


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({"pubkeyauthentication": "no"}, Verdict.WRONG, "PubkeyAuthentication is 'no'"),
        ({"permittty": "no"}, Verdict.WRONG, "PermitTTY is 'no'"),
        ({"allowusers": "ann bob"}, Verdict.WRONG, "AllowUsers 'ann bob' does not name"),
        ({"allowgroups": "staff"}, Verdict.WRONG, "AllowGroups"),
        ({"denyusers": "boruta-user"}, Verdict.WRONG, "DenyUsers"),
        ({"forcecommand": "/bin/false"}, Verdict.WRONG, "ForceCommand"),
        ({"hostcertificate": "/etc/ssh/other.pub"}, Verdict.ADVICE, "its host key alone"),
        ({"subsystem": "netconf /usr/bin/n"}, Verdict.ADVICE, "no sftp subsystem"),
    ],
)
def test_what_keeps_a_session_from_working_is_told(
    changed: dict[str, str], verdict: Verdict, words: str
) -> None:
    bad = [f for f in judge({**OPEN, **changed}, "boruta-user") if f.verdict is not Verdict.GOOD]
    assert [finding.verdict for finding in bad] == [verdict]
    assert words in bad[0].fact
    assert bad[0].remedy


def test_lists_that_name_the_user_are_fine() -> None:
    settings = {**OPEN, "allowusers": "ann boruta-user", "denyusers": "bob"}
    assert {finding.verdict for finding in judge(settings, "boruta-user")} == {Verdict.GOOD}


async def test_a_server_that_is_down_is_told_with_what_starts_it(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    settings = config(tmp_path, ssh_address=f"127.0.0.1:{port}", driver="linux")
    first, *_ = await check_ssh(settings)
    assert first.verdict is Verdict.WRONG
    assert "takes no connection" in first.fact
    assert "systemctl enable --now ssh" in first.remedy


async def test_settings_that_cannot_be_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boruta_farm.dryad.users.sshd.COMMAND", shutil.which("false") or "false")
    findings = await check_ssh(config(tmp_path, ssh_address="127.0.0.1:1", driver="linux"))
    assert any("cannot be read" in finding.fact for finding in findings)


def test_a_machine_that_lets_nobody_in_is_told(tmp_path: Path) -> None:
    place = tmp_path / "nologin"
    assert not list(closed([place]))
    place.touch()
    [finding] = closed([place])
    assert finding.verdict is Verdict.WRONG
