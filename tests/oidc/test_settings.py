"""Settings of those who vouch: what is refused before anybody signs in."""

from pathlib import Path
from typing import Any

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.server.config import Config, load
from boruta_farm.server.sign_ins import check_sign_ins

HEAD = """
users = true
page_address = "https://farm.example:8487"
"""
PROVIDER = """
[provider.lab]
issuer = "https://login.example/realms/lab"
client_id = "boruta"
"""
WORKLOAD = """
[workload.kernel]
issuer = "https://token.actions.githubusercontent.com"
account = "ci"
claims = { repository = "acme/kernel", ref = "refs/heads/*" }
"""


def loaded(folder: Path, text: str) -> Config:
    path = folder / "boruta.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, {})


def test_what_stands_there_is_read(tmp_path: Path) -> None:
    config = loaded(tmp_path, HEAD + PROVIDER + WORKLOAD)
    assert config.providers["lab"].issuer == "https://login.example/realms/lab"
    assert config.workloads["kernel"].claims["ref"] == "refs/heads/*"
    check_sign_ins(config)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (PROVIDER, "users"),
        ("users = true\n" + PROVIDER, "page_address: is missing"),
        ('users = true\npage_address = "http://farm.example"\n' + PROVIDER, "https"),
        (HEAD + PROVIDER.replace("provider.lab", "provider.Lab"), "lower case"),
        (HEAD + PROVIDER.replace("provider.lab", 'provider."a/b"'), "lower case"),
        (HEAD + PROVIDER.replace("https://", "http://"), "no issuer"),
        (HEAD + PROVIDER.replace("/realms/lab", "/?a=b"), "no issuer"),
        (HEAD + PROVIDER.replace("https://", "https://me:pass@"), "no issuer"),
        (HEAD + PROVIDER + 'role = "admin"', "name admins by roles"),
        (HEAD + PROVIDER + 'session_length = "90d"', "session_length"),
        (HEAD + PROVIDER + 'grops = { a = "b" }', "groups"),
        (HEAD + WORKLOAD.replace("acme/kernel", "*").replace("refs/heads/*", "**"), "every job"),
        (HEAD + WORKLOAD.partition("claims")[0] + "claims = {}", "every job"),
        (HEAD + WORKLOAD.partition("claims")[0], "claims: is missing"),
        (HEAD + WORKLOAD.replace("acme", "*a" * 9), "stars"),
        (HEAD + WORKLOAD + 'lasts = "25h"', "lasts"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "mode", "word"),
    [
        (b"s3cret\n", 0o600, None),
        (b"s3cret", 0o640, None),
        (b"s3cret", 0o644, "everybody"),
        (b"", 0o600, "secret alone"),
        (b"one\ntwo", 0o600, "secret alone"),
        (b"caf\xc3\xa9", 0o600, "secret alone"),
        (None, 0, "cannot be read"),
    ],
)
def test_a_secret_lies_in_a_file_of_its_own(
    tmp_path: Path, content: bytes | None, mode: int, word: str | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    config = loaded(tmp_path, f'{HEAD}{PROVIDER}client_secret_file = "{path}"')
    if word is None:
        check_sign_ins(config)
        return
    with pytest.raises(ConfigError, match=word) as refusal:
        check_sign_ins(config)
    assert "s3cret" not in str(refusal.value)


def test_authorities_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    config: Any = loaded(tmp_path, f'{HEAD}{WORKLOAD}ca_file = "{path}"')
    with pytest.raises(ConfigError, match="ca_file"):
        check_sign_ins(config)
