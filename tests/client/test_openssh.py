import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.client.openssh import (
    Files,
    OwnKey,
    SshSession,
    command_line,
    keys_at_hand,
    known_hosts_line,
    read_own_key,
    session_files,
    write_private,
)
from boruta_farm.model.errors import BorutaError, ConfigError, ProtocolError
from boruta_farm.model.worker import AccessInfo
from tests.cli.stage import pairs

ACCESS = AccessInfo(
    ip="10.0.0.1", port=20001, key="KEY", username="boruta-user", host_key="ssh-ed25519 AAAA"
)
NO_FILES = Files(identity=None, known_hosts=None)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_files_are_private_and_short_lived(runtime: Path) -> None:
    with session_files(ACCESS, None) as files:
        assert files.identity is not None
        assert files.identity.read_text() == "KEY\n"
        assert files.identity.stat().st_mode & 0o777 == 0o600
        assert files.identity.parent.stat().st_mode & 0o777 == 0o700
        assert files.identity.parent.parent == runtime
        assert files.known_hosts is not None
        assert files.known_hosts.read_text() == "[10.0.0.1]:20001 ssh-ed25519 AAAA\n"
    assert list(runtime.iterdir()) == []


def test_without_a_runtime_folder_the_systems_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    with session_files(ACCESS, None) as files:
        assert files.identity is not None
        assert files.identity.exists()
    assert not files.identity.parent.exists()


def test_what_is_not_there_is_not_written(runtime: Path) -> None:
    with session_files(replace(ACCESS, key="", host_key=None), None) as files:
        assert files == replace(NO_FILES, issued=True, log=files.log)
    own = OwnKey(line="ssh-ed25519 AAAA", identity=Path("/home/me/id"))
    with session_files(ACCESS, own) as files:
        assert files.identity == Path("/home/me/id")


@pytest.mark.parametrize("variable", ["XDG_RUNTIME_DIR", "TMPDIR"])
def test_a_folder_whose_name_ssh_would_read_otherwise_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    (tmp_path / "100%${HOME}").mkdir()
    monkeypatch.setenv(variable, str(tmp_path / "100%${HOME}"))
    with session_files(ACCESS, None) as files:
        assert "%" not in str(files.identity)


def test_a_private_file_never_replaces_one(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("mine")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "key", "other")


@pytest.mark.parametrize("host_key", ["", "ssh-ed25519", "a b\nc d", "* ssh-ed25519 AAAA\nx y"])
def test_a_host_key_is_one_line(host_key: str) -> None:
    with pytest.raises(ProtocolError):
        known_hosts_line(replace(ACCESS, host_key=host_key))


def test_the_plain_port_needs_no_brackets() -> None:
    assert known_hosts_line(replace(ACCESS, port=22)) == "10.0.0.1 ssh-ed25519 AAAA\n"


def test_command_line_pins_key_and_host_key() -> None:
    files = Files(identity=Path("/run/100%/key"), known_hosts=Path("/run/my files/hosts"))
    arguments = command_line("ssh", ACCESS, files, ["uname"], ["-v"])
    assert arguments[:3] == ["ssh", "-p", "20001"]
    assert arguments[-3:] == ["-v", "boruta-user@10.0.0.1", "uname"]
    options = pairs(arguments, "-o")
    assert 'IdentityFile="/run/100%%/key"' in options
    assert 'UserKnownHostsFile="/run/my files/hosts"' in options
    assert "StrictHostKeyChecking=yes" in options
    assert "ControlPath=none" in options


def test_without_files_ssh_uses_its_own_keys_and_believes_the_first_answer() -> None:
    arguments = command_line("ssh", ACCESS, NO_FILES)
    assert not [option for option in pairs(arguments, "-o") if option.startswith("Identity")]
    assert "StrictHostKeyChecking=accept-new" in pairs(arguments, "-o")
    assert "IdentitiesOnly=yes" not in pairs(arguments, "-o")


@pytest.mark.parametrize(
    ("ip", "username"),
    [
        ("10.0.0.1", "-oProxyCommand=x"),
        ("-oProxyCommand=x", "u"),
        ("a b", "u"),
        ("10.0.0.1", ""),
        ("10.0.0.1", "a@b"),
    ],
)
def test_a_server_cannot_smuggle_options_in(ip: str, username: str) -> None:
    with pytest.raises(ProtocolError):
        command_line("ssh", replace(ACCESS, ip=ip, username=username), NO_FILES)


def test_addresses_with_colons_and_zones() -> None:
    arguments = command_line("ssh", replace(ACCESS, ip="fe80::1%eth0"), NO_FILES)
    assert arguments[-1] == "boruta-user@fe80::1%eth0"


def test_own_key_by_either_name(tmp_path: Path) -> None:
    public = tmp_path / "id.pub"
    public.write_text("ssh-ed25519 AAAA me\n")
    agent = OwnKey(line="ssh-ed25519 AAAA me", identity=public)
    assert read_own_key(str(public)) == agent, "an agent holds the private half"
    (tmp_path / "id").write_text("private")
    both = OwnKey(line="ssh-ed25519 AAAA me", identity=tmp_path / "id")
    assert read_own_key(str(public)) == both
    assert read_own_key(str(tmp_path / "id")) == both


@pytest.mark.parametrize(
    "content", [b"", b"a\nb\n", b"-----BEGIN OPENSSH PRIVATE KEY-----", b"\xff\xfe"]
)
def test_what_is_no_public_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id.pub").write_bytes(content)
    with pytest.raises(ConfigError, match="is no public key"):
        read_own_key(str(tmp_path / "id.pub"))


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"id.pub: cannot be read: No such file"):
        read_own_key(str(tmp_path / "id"))


async def test_status_of_a_process_and_of_a_signal() -> None:
    session = SshSession(["sh", "-c", "exit 3"])
    await session.start()
    assert await session.wait() == 3
    await session.end()
    session = SshSession(["sh", "-c", "kill -HUP $$"])
    await session.start()
    assert await session.wait() == 128 + signal.SIGHUP


async def test_a_process_that_ignores_its_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boruta_farm.client.children.ENDS_WITHIN", 0.05)
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    session = SshSession(["sh", "-c", f"trap '' TERM; echo > {ready}; read x < {ready}"])
    await session.start()
    await asyncio.to_thread(ready.read_text)
    await session.end()
    assert await session.wait() == 128 + signal.SIGKILL


async def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(BorutaError, match=r"cannot start .*: Permission denied"):
        await SshSession([str(tmp_path)]).start()


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ("identityfile {here}/id_rsa\nidentityfile {here}/id_ed25519", False),
        ("identityfile {here}/id_rsa\nidentityfile {here}/mine", True),
        ("identityfile {here}/id_rsa\nidentityagent /run/agent", True),
        ("identityfile {here}/id_rsa\npkcs11provider none", False),
        ("", True),
    ],
)
def test_whether_ssh_has_a_key_to_show_is_asked_of_itself(
    tmp_path: Path, told: str, has: bool
) -> None:
    (tmp_path / "mine").touch()
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\ncat <<END\n{told.format(here=tmp_path)}\nEND\n")
    program.chmod(0o700)
    assert keys_at_hand(str(program), "farm", {}) is has
    assert keys_at_hand(str(program), "farm", {"SSH_AUTH_SOCK": "/run/agent"})
    assert keys_at_hand(str(tmp_path / "none"), "farm", {}), "ssh tells that by itself"
