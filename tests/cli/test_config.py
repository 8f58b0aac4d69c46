import socket
from pathlib import Path

import pytest

from boruta_farm.access.cipher import KEY_FILE
from tests.cli.stage import Boruta


def test_example_is_a_good_configuration(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text(boruta("config", "example").out)
    assert boruta("config", "check", str(path)).out == f"{path} is good\n"


def test_a_mistake_is_told_with_its_place(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text("job_timeut = '1h'\n")
    words = boruta("config", "check", str(path), status=1).err
    hint = "there is no such setting; did you mean job_timeout?"
    assert words == f"boruta: {path}: job_timeut: {hint}\n"


def test_show(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text("job_timeout = '90m'\n")
    assert 'job_timeout = "1h30m"' in boruta("config", "show", str(path)).lines
    assert 'job_timeout = "1h"' in boruta("config", "show").lines


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("job_timeout = '99999999999d'", "job_timeout: '99999999999d' is longer than a hundred"),
        ("api_addr = '192.0.2.1:0'", "api_addr: 192.0.2.1:0 cannot be used (Cannot assign"),
        ("rpc_addr = 'no-such-host.invalid:0'", "rpc_addr: no-such-host.invalid:0 cannot be used"),
        ("tls_certificate = '/no/c.pem'\ntls_key = '/no/c.key'", "tls_key: /no/c.key cannot be"),
        ("data = '{file}'", "data: {file} cannot be used (File exists)"),
        ("data = '{file}/data'", "data: {file}/data cannot be used (Not a directory)"),
        ("data = '{folder}'", "secret.key: is damaged: a key has 32 bytes"),
    ],
)
def test_what_serve_refuses_is_refused_in_the_same_words(
    text: str, words: str, boruta: Boruta, tmp_path: Path
) -> None:
    file, folder = tmp_path / "boruta.toml", tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / KEY_FILE).write_bytes(b"short")
    (folder / KEY_FILE).chmod(0o600)
    places = {"{file}": str(file), "{folder}": str(folder)}
    for name, place in places.items():
        text, words = text.replace(name, place), words.replace(name, place)
    if "rpc_addr" in text or "api_addr" in text:
        text += f"\nallow_anonymous = true\nallow_plaintext = true\ndata = '{folder}'"
    if "api_addr" not in text:
        text += "\napi_addr = '127.0.0.1:0'"
    file.write_text(text)
    said = boruta("config", "check", str(file), status=1).err
    assert words in said
    assert said == boruta("serve", "--config", str(file), status=1).err


def test_check_makes_nothing_and_lets_a_server_run(boruta: Boruta, tmp_path: Path) -> None:
    file = tmp_path / "boruta.toml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        file.write_text(f"api_addr = '{place}'\ndata = '{tmp_path}/new/data'\n")
        assert boruta("config", "check", str(file)).out == f"{file} is good\n"
    assert list(tmp_path.iterdir()) == [file]
