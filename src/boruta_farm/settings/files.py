"""The one reader of files that hold settings or records: TOML, and JSON for what we keep."""

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from boruta_farm.settings.table import SettingError, Table, mapping

LARGEST: Final = 4 << 20
"""Bytes; a configuration of ten thousand accounts has one."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

DEEPEST_KEY: Final = 64
"""Parts of a dotted key; the TOML reader's cost grows with their square, in time and memory."""
_DEEP_KEY: Final = re.compile(
    r"""(?<![\w"'-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"""
    f"{{{DEEPEST_KEY}}}",
    re.ASCII,
)


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """Return what a file holds. Raises OSError, also where it holds more than ``most`` bytes."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def read_toml(path: Path) -> Table:
    """Return what a TOML file says. Raises ConfigError with the file and what is wrong."""
    table = Table(place=str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        return Table(place=str(path), content=parse_toml(content))
    except OSError as error:
        raise table.refusal(SettingError(f"cannot be read: {error.strerror}")) from None
    except SettingError as wrong:
        raise table.refusal(wrong) from None


def parse_toml(content: bytes) -> Mapping[str, object]:
    """Return what TOML says. Raises SettingError."""
    # What no file is read of need not load the parser: it is a tenth of a short command's start.
    import tomllib

    text = _text(content)
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        raise SettingError(
            f"is no valid TOML: a key of more than {DEEPEST_KEY} parts (at line {line})"
        )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingError("is no valid TOML: its lists or tables lie too deep") from None
    except ValueError as error:
        # Python's own refusal of very long numbers is no TOMLDecodeError.
        raise SettingError(f"is no valid TOML: {error}") from None


def parse_json(content: bytes) -> Mapping[str, object]:
    """Return what one JSON object says; no key stands there twice. Raises SettingError."""
    text = _text(content)
    try:
        return mapping(json.loads(text, object_pairs_hook=_once, parse_constant=_no_number))
    except RecursionError:
        raise SettingError("is no valid JSON: its lists or objects lie too deep") from None
    except ValueError as error:
        raise SettingError(f"is no valid JSON: {error}") from None


def _text(content: bytes) -> str:
    if len(content) > LARGEST:
        raise SettingError(f"is larger than {LARGEST >> 20} MiB; name a file of settings")
    content = content.removeprefix(BYTE_ORDER_MARK)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingError(
            f"is no UTF-8 text (line {line}, byte {content[error.start]:#04x}); save it as UTF-8"
        ) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands there twice")
        found[key] = value
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")
