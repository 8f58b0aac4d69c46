"""Lists of what is taken back, written by ssh-keygen and judged as it judges them."""

import subprocess
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.access.revocations import MAGIC, read_revocations
from boruta_farm.access.user_certificates import UserCertificate, read_certificate

CA, OTHER_CA, KEY, OTHER_KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(4))


def line(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def certificate(
    serial: int = 7, name: str = "ann-laptop", key: asyncssh.SSHKey = KEY
) -> tuple[str, UserCertificate]:
    """Return a line, and what we read of it."""
    made = CA.generate_user_certificate(
        key.convert_to_public(), name, serial=serial, principals=["ann"]
    )
    shown = made.export_certificate().decode().strip()
    read = read_certificate(shown)
    assert read is not None
    return shown, read


def written(folder: Path, told: str, authority: asyncssh.SSHKey | None) -> bytes:
    """Return what ``ssh-keygen -k`` makes of a text, for an authority or for any."""
    (folder / "told").write_text(f"{told}\n")
    if authority is not None:
        (folder / "ca.pub").write_text(f"{line(authority)}\n")
    signer = "none" if authority is None else "ca.pub"
    words = ("ssh-keygen", "-q", "-k", "-f", "list", "-s", signer, "told")
    subprocess.run(words, cwd=folder, check=True)
    content = (folder / "list").read_bytes()
    assert content.startswith(MAGIC)
    return content


def judged(folder: Path, shown: str) -> bool:
    """Return whether ssh-keygen finds a certificate in the list."""
    (folder / "shown.pub").write_text(f"{shown}\n")
    done = subprocess.run(
        ("ssh-keygen", "-Q", "-f", "list", "shown.pub"), cwd=folder, capture_output=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 1


TOLD = {
    "serial": "serial: 7",
    "range": "serial: 5-900",
    "bitmap": "\n".join(f"serial: {one}" for one in range(1, 400, 2)),
    "far apart": "serial: 7\nserial: 70000\nserial: 18446744073709551615",
    "id": "id: ann-laptop",
    "key": f"key: {line(KEY)}",
    "authority": line(CA),
    "SHA-1": f"sha1: {line(KEY)}",
    "SHA-256": f"sha256: {line(KEY)}",
    "fingerprint": f"hash: {KEY.get_fingerprint()}",
    "certificate": certificate()[0],
    "certificate without number": certificate(serial=0)[0],
}
SHOWN = (
    certificate(),
    certificate(serial=0),
    certificate(serial=8, name="other", key=OTHER_KEY),
    certificate(serial=399, name="other", key=OTHER_KEY),
    certificate(serial=70000, name="other", key=OTHER_KEY),
    certificate(serial=2**64 - 1, name="other", key=OTHER_KEY),
)


@pytest.mark.parametrize("name", TOLD)
def test_binary_and_text_are_judged_as_openssh_does(tmp_path: Path, name: str) -> None:
    binary = read_revocations(written(tmp_path, TOLD[name], CA))
    text = read_revocations(TOLD[name].encode())
    expected = [judged(tmp_path, shown) for shown, _ in SHOWN]
    assert any(expected)
    assert [binary.hold(read) for _, read in SHOWN] == expected
    assert [text.hold(read) for _, read in SHOWN] == expected


@pytest.mark.parametrize("name", ["serial", "range", "bitmap", "id"])
def test_what_another_authority_takes_back_is_its_own(tmp_path: Path, name: str) -> None:
    binary = read_revocations(written(tmp_path, TOLD[name], OTHER_CA))
    assert not any(binary.hold(read) for _, read in SHOWN)
    of_any = read_revocations(written(tmp_path, TOLD[name], None))
    assert any(of_any.hold(read) for _, read in SHOWN)


def test_a_list_that_is_damaged_is_refused_or_read(tmp_path: Path) -> None:
    content = written(tmp_path, "\n".join(TOLD.values()), CA)
    ends = 0
    for end in range(len(MAGIC), len(content)):
        try:
            read_revocations(content[:end])
        except ValueError:
            continue
        ends += 1
    assert ends <= 6, "it can end where a part ends, and nowhere else"


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"\x07\0\0\0\0", "7 is not a valid Section"),
        (b"\xff\0\0\0\x06\0\0\0\x01x\x01", "the part 'x'"),
        (b"\x01\0\0\0\x0d" + b"\0" * 8 + b"\x24\0\0\0\0", "36 is not a valid"),
    ],
    ids=["section", "extension", "certificates"],
)
def test_what_is_not_known_is_refused(tmp_path: Path, tail: bytes, words: str) -> None:
    content = written(tmp_path, "serial: 7", CA)
    assert read_revocations(content + b"\xff\0\0\0\x06\0\0\0\x01x\0")
    with pytest.raises(ValueError, match=words):
        read_revocations(content + tail)


@pytest.mark.parametrize("told", ["hash: SHA256:short", "hash: MD5:00", "serial: x", "key: x"])
def test_lines_that_make_no_sense_are_refused(told: str) -> None:
    with pytest.raises(ValueError, match=r"names no|is no|not understood"):
        read_revocations(told.encode())


def test_a_format_to_come_is_refused(tmp_path: Path) -> None:
    content = written(tmp_path, "serial: 7", CA)
    newer = content.replace(MAGIC + b"\0\0\0\x01", MAGIC + b"\0\0\0\x02")
    with pytest.raises(ValueError, match="its format is 2"):
        read_revocations(newer)
