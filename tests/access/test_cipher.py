from pathlib import Path

import pytest

from boruta_farm.access.cipher import KEY_FILE, KEY_SIZE, AesGcmCipher
from boruta_farm.model.errors import ConfigError, StoreError


def test_what_was_sealed_can_be_opened_with_the_same_key(tmp_path: Path) -> None:
    sealed = AesGcmCipher.load(tmp_path).seal(b"secret", "session-key/a/1")
    assert b"secret" not in sealed
    assert AesGcmCipher.load(tmp_path).open(sealed, "session-key/a/1") == b"secret"


def test_sealing_twice_gives_different_bytes(tmp_path: Path) -> None:
    cipher = AesGcmCipher.load(tmp_path)
    assert cipher.seal(b"secret", "a") != cipher.seal(b"secret", "a")


def test_a_sealed_key_cannot_serve_another_context(tmp_path: Path) -> None:
    cipher = AesGcmCipher.load(tmp_path)
    with pytest.raises(StoreError, match="session-key/a/2"):
        cipher.open(cipher.seal(b"secret", "session-key/a/1"), "session-key/a/2")


@pytest.mark.parametrize("position", [0, 1, 13, -1])
def test_tampering_is_noticed(tmp_path: Path, position: int) -> None:
    cipher = AesGcmCipher.load(tmp_path)
    sealed = bytearray(cipher.seal(b"secret", "a"))
    sealed[position] ^= 1
    with pytest.raises(StoreError, match="cannot be decrypted"):
        cipher.open(bytes(sealed), "a")


@pytest.mark.parametrize("stump", [b"", b"\x01", b"\x01" + bytes(12)])
def test_a_stump_is_refused(tmp_path: Path, stump: bytes) -> None:
    with pytest.raises(StoreError):
        AesGcmCipher.load(tmp_path).open(stump, "a")


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    AesGcmCipher.load(tmp_path)
    path = tmp_path / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_bytes()
    assert len(first) == KEY_SIZE
    AesGcmCipher.load(tmp_path)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_use_is_refused_in_words(tmp_path: Path, mode: int) -> None:
    AesGcmCipher.load(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        AesGcmCipher.load(tmp_path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_key_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(ConfigError, match="damaged"):
        AesGcmCipher.load(tmp_path)


def test_a_link_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o600)
    elsewhere.write_bytes(bytes(KEY_SIZE))
    (tmp_path / KEY_FILE).symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="cannot be read"):
        AesGcmCipher.load(tmp_path)
