"""Certificates of people, made by another library than the one that judges them."""

import base64
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest
from tests.security_keys import KINDS, SecurityKey, string

from boruta_farm.access import user_authority
from boruta_farm.access.user_authority import UserAuthority
from boruta_farm.model.errors import ConfigError, UnauthenticatedError, UnavailableError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CA = asyncssh.generate_private_key("ssh-ed25519")
KEY = asyncssh.generate_private_key("ssh-ed25519")


def line(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def certificate(signer: asyncssh.SSHKey = CA, key: asyncssh.SSHKey = KEY, **changes: object) -> str:
    options: dict[str, object] = {
        "key_id": "ann-laptop",
        "serial": 7,
        "principals": ["ann", "ops"],
        "valid_after": NOW - HOUR,
        "valid_before": NOW + HOUR,
    }
    options.update(changes)
    made = signer.generate_user_certificate(key.convert_to_public(), **options)  # type: ignore[arg-type]  # a test names them
    return made.export_certificate().decode().strip()


def vouch(signer: asyncssh.SSHKey, key: str, folder: Path) -> str:
    """Return a certificate by ssh-keygen, which makes those of security keys, too."""
    (folder / "signer").write_bytes(signer.export_private_key("openssh"))
    (folder / "signer").chmod(0o600)
    (folder / "key.pub").write_text(f"{key}\n")
    words = "ssh-keygen -q -s signer -I ann-token -z 9 -n ann -V always:forever key.pub"
    subprocess.run(words.split(), cwd=folder, check=True)
    return (folder / "key-cert.pub").read_text().strip()


def resigned(text: str, token: SecurityKey) -> str:
    """Return a certificate as a security key signs it."""
    kind, body = text.split()[:2]
    head, _, _ = base64.b64decode(body).partition(string(base64.b64decode(line(CA).split()[1])))
    signed = head + string(token.blob)
    return f"{kind} {base64.b64encode(signed + string(token.sign(signed))).decode()}"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return where the authorities and what they have taken back are written."""
    authorities, revoked = tmp_path / "ca", tmp_path / "revoked"
    authorities.write_text(f"# ours\n\n{line(CA)} the company\n")
    revoked.write_text("")
    return authorities, revoked


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-rsa"])
def test_a_good_one_tells_for_whom_it_is(files: tuple[Path, Path], kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    told = UserAuthority(*files).judge(certificate(key=key), "192.0.2.7", NOW)
    assert told.principals == ("ann", "ops")
    assert told.key == line(key)
    assert told.proof == f"certificate 'ann-laptop' (serial 7) of {CA.get_fingerprint()}"


@pytest.mark.parametrize("kind", ["ecdsa-sha2-nistp256", "ssh-rsa"])
def test_authorities_of_other_kinds_are_as_good(files: tuple[Path, Path], kind: str) -> None:
    signer = asyncssh.generate_private_key(kind)
    files[0].write_text(f"{line(CA)}\n{line(signer)}\n")
    assert UserAuthority(*files).judge(certificate(signer), "192.0.2.7", NOW).principals


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: certificate(valid_before=NOW), "has expired"),
    "early": (lambda: certificate(valid_after=NOW + HOUR / 2), "not valid yet"),
    "nobody's": (lambda: certificate(principals=[]), "names nobody"),
    "a stranger's": (
        lambda: certificate(asyncssh.generate_private_key("ssh-ed25519")),
        "authority that is not known",
    ),
    "its own": (lambda: certificate(KEY), "authority that is not known"),
    "a host's": (
        lambda: (
            CA.generate_host_certificate(
                KEY.convert_to_public(),
                "ann",
                principals=["ann"],
                valid_after=NOW - HOUR,
                valid_before=NOW + HOUR,
            )
            .export_certificate()
            .decode()
            .strip()
        ),
        "is a host's",
    ),
    "bound to a command": (lambda: certificate(force_command="ls"), "bound by 'force-command'"),
    "for elsewhere": (
        lambda: certificate(source_address=["198.51.100.0/24"]),
        "not for the address 192.0.2.7",
    ),
    "changed": (lambda: _changed(certificate()), "signature is wrong"),
    "a key": (lambda: line(KEY), "no certificate"),
    "nonsense": (lambda: "nonsense", "cannot be read"),
    "empty": (lambda: "", "cannot be read"),
    "endless": (lambda: "a" * 70000, "too long"),
}


def _changed(text: str) -> str:
    """Return a certificate in which another principal stands than was signed."""
    kind, body = text.split()[:2]
    blob = base64.b64decode(body)
    assert blob.count(b"\x00\x00\x00\x03ann") == 1
    changed = blob.replace(b"\x03ann", b"\x03eve")
    return f"{kind} {base64.b64encode(changed).decode()}"


@pytest.mark.parametrize("name", BAD)
def test_others_are_refused_in_words(files: tuple[Path, Path], name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(UnauthenticatedError, match=words):
        UserAuthority(*files).judge(make(), "192.0.2.7", NOW)


def test_what_is_cut_short_is_told_as_such(files: tuple[Path, Path]) -> None:
    kind, body = certificate().split()[:2]
    blob = base64.b64decode(body)
    authority = UserAuthority(*files)
    for changed in (*(blob[:end] for end in range(len(blob))), blob + b"x"):
        with pytest.raises(UnauthenticatedError, match="cannot be read"):
            authority.judge(f"{kind} {base64.b64encode(changed).decode()}", "192.0.2.7", NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_a_security_key_is_vouched_for(files: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    token = SecurityKey(kind)
    told = UserAuthority(*files).judge(vouch(CA, token.line, tmp_path), "192.0.2.7", NOW)
    assert (told.key, told.principals) == (token.line, ("ann",))
    assert told.proof == f"certificate 'ann-token' (serial 9) of {CA.get_fingerprint()}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_security_key_vouches_when_it_is_touched(files: tuple[Path, Path], kind: str) -> None:
    token, lazy = SecurityKey(kind), SecurityKey(kind, flags=0)
    files[0].write_text(f"{token.line}\n{lazy.line}\n")
    authority = UserAuthority(*files)
    assert authority.judge(resigned(certificate(), token), "192.0.2.7", NOW).key == line(KEY)
    for signed in (resigned(certificate(), lazy), _changed(resigned(certificate(), token))):
        with pytest.raises(UnauthenticatedError, match="signature is wrong"):
            authority.judge(signed, "192.0.2.7", NOW)


def test_sha1_is_refused(files: tuple[Path, Path]) -> None:
    signer = asyncssh.generate_private_key("ssh-rsa")
    files[0].write_text(line(signer))
    old = signer.generate_user_certificate(
        KEY.convert_to_public(),
        "ann",
        principals=["ann"],
        valid_after=NOW - HOUR,
        valid_before=NOW + HOUR,
        sig_alg="ssh-rsa",
    )
    with pytest.raises(UnauthenticatedError, match="signed with SHA-1"):
        UserAuthority(*files).judge(old.export_certificate().decode(), "192.0.2.7", NOW)


def test_an_address_that_it_is_for(files: tuple[Path, Path]) -> None:
    bound = certificate(source_address=["192.0.2.0/24"])
    for source in ("192.0.2.7", "::ffff:192.0.2.7"):
        assert UserAuthority(*files).judge(bound, source, NOW).key == line(KEY)


@pytest.mark.parametrize(
    "revocation",
    ["serial: 7", "serial: 5-0x9", "id: ann-laptop", f"key: {line(KEY)}", line(CA)],
    # Keys are new in every process, and tests are to bear one name in all.
    ids=["serial", "range", "id", "key", "authority"],
)
def test_what_is_taken_back_is_dead_at_once(files: tuple[Path, Path], revocation: str) -> None:
    authority = UserAuthority(*files)
    assert authority.judge(certificate(), "192.0.2.7", NOW)
    files[1].write_text(f"# lost\n{revocation}\n")
    with pytest.raises(UnauthenticatedError, match="was revoked"):
        authority.judge(certificate(), "192.0.2.7", NOW)
    other = certificate(key=asyncssh.generate_private_key("ssh-ed25519"), serial=0, key_id="other")
    if revocation != line(CA):
        assert authority.judge(other, "192.0.2.7", NOW)
    files[1].write_text("")
    assert authority.judge(certificate(), "192.0.2.7", NOW)


def test_no_more_certificates_are_remembered_than_there_is_room_for(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_authority, "MOST_REMEMBERED", 2)
    authority = UserAuthority(*files)
    lines = [certificate(serial=number) for number in range(1, 5)]
    for line_ in (*lines, *lines):
        assert authority.judge(line_, "192.0.2.7", NOW).key == line(KEY)
    assert len(authority._good) == 2


def test_files_that_cannot_be_used_let_nobody_in(files: tuple[Path, Path], tmp_path: Path) -> None:
    authority = UserAuthority(*files)
    authority.check()
    for content, words in (
        (b"serial: x", "names no serial number"),
        (b"\xff\xfe", "is no text"),
        (b"SSHKRL\n\0", "written whole"),
        (b"what is this", "is not understood"),
    ):
        files[1].write_bytes(content)
        with pytest.raises(ConfigError, match=words):
            authority.check()
        with pytest.raises(UnavailableError, match="cannot be judged"):
            authority.judge(certificate(), "192.0.2.7", NOW)
    files[1].unlink()
    with pytest.raises(UnavailableError, match="cannot be judged"):
        authority.judge(certificate(), "192.0.2.7", NOW)
    for empty in ("", "# nothing\n"):
        files[0].write_text(empty)
        with pytest.raises(ConfigError, match="holds no public key"):
            UserAuthority(files[0]).check()
    with pytest.raises(ConfigError, match="cannot be read"):
        UserAuthority(tmp_path / "missing").check()
