"""Whatever a file holds, its reader answers with a table or with one line."""

from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.files import LARGEST, parse_json, read_bounded, read_toml
from boruta_farm.settings.table import SettingError, Table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as wrong:
        read_toml(path)
    assert wrong.value.message.startswith(f"{path}: ")
    assert "\n" not in wrong.value.message
    assert len(wrong.value.message) < 300
    return wrong.value.message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [b"a = 1\nb = 'x'\n", b"\xef\xbb\xbfa = 1\nb = 'x'\n", b"\xef\xbb\xbfa = 1\r\nb = 'x'\r\n"],
)
def test_toml_of_any_editor_is_read(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert read_toml(path) == Table(place=str(path), content={"a": 1, "b": "x"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = ", "is no valid TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2\n", "is no valid TOML: Cannot overwrite a value (at line 2"),
        (b"[a]\n[a]", "is no valid TOML: Cannot declare ('a',) twice"),
        (b"a = 1\nb = '\xff'\n", "is no UTF-8 text (line 2, byte 0xff); save it as UTF-8"),
        ("a = 1".encode("utf-16"), "is no UTF-8 text (line 1, byte 0xff)"),
        (b"a = " + b"9" * 5000, "is no valid TOML: Exceeds the limit"),
        (b"a = " + b"[" * 50_000, "is no valid TOML: its lists or tables lie too deep"),
        (b"a = 2026-02-30", "is no valid TOML"),
        (b"a = '\0'", "is no valid TOML"),
        (
            b"\n" + b"a." * 64 + b"a = 1",
            "is no valid TOML: a key of more than 64 parts (at line 2)",
        ),
        (b"[" + b"a . " * 64 + b"a]", "is no valid TOML: a key of more than 64 parts (at line 1)"),
        (b"[[" + rb'"\"".' * 64 + b"a]]", "is no valid TOML: a key of more than 64 parts"),
        (b"b = { " + b"'a.b'.c." * 32 + b"a = 1 }", "is no valid TOML: a key of more than 64"),
        (b"# " + b"x" * LARGEST, "is larger than 4 MiB"),
    ],
)
def test_other_toml_is_told_in_one_line(content: bytes, words: str, path: Path) -> None:
    path.write_bytes(content)
    assert refused(path).startswith(words)


def test_keys_may_have_some_parts_and_texts_many_dots(path: Path) -> None:
    path.write_bytes(b"a." * 63 + b"a = 1\nb = '" + b"a.b " * 100 + b"'\n")
    assert set(read_toml(path).content) == {"a", "b"}


def test_a_file_that_does_not_end_is_not_read_to_its_end(path: Path) -> None:
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="File too large"):
        read_bounded(path, 1000)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no valid JSON: Expecting value"),
        (b"[]", "a list must be a table"),
        (b"3", "3 must be a table"),
        (b'{"a": NaN}', "is no valid JSON: NaN is no number"),
        (b'{"a": 1, "a": 2}', "is no valid JSON: 'a' stands there twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no valid JSON: Exceeds the limit"),
        (b'{"a":' * 50_000, "is no valid JSON: its lists or objects lie too deep"),
        (b'{"a": "\xff"}', "is no UTF-8 text"),
    ],
)
def test_other_json_is_told_in_one_line(content: bytes, words: str) -> None:
    with pytest.raises(SettingError) as wrong:
        parse_json(content)
    assert wrong.value.message.startswith(words)
    assert wrong.value.message.isprintable()


def test_json_is_read() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, null]}') == {"a": [1, None]}


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path) == "cannot be read: Is a directory"
    assert refused(tmp_path / "none") == "cannot be read: No such file or directory"
    assert refused(Path("/dev/zero")).startswith("is larger than 4 MiB")
