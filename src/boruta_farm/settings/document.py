"""What people read of settings: the reference, the example file, the settings in force."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from boruta_farm.settings.declaration import Dataclass, Setting, Struct, declared

WIDTH: Final = 98


def reference(made: type[Dataclass], path: str = "") -> str:
    """Return the settings as a Markdown table for the documentation."""
    rows = ["| setting | default | meaning |", "| --- | --- | --- |", *_rows(made, path)]
    return "\n".join(rows) + "\n"


def example(
    made: type[Dataclass], values: Mapping[str, object] | None = None, path: str = ""
) -> str:
    """Return a commented file with every setting at its default.

    ``values`` are written in place of defaults, by the setting's whole path.
    """
    return "\n".join(_example(made, values or {}, path))


def describe(settings: Dataclass) -> str:
    """Return the settings in force as a TOML file."""
    return "\n".join(_described(settings, "")) + "\n"


def toml_value(value: object) -> str:
    """Write a value that ``Kind.show`` returned as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_key(name)} = {toml_value(each)}" for name, each in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return str(value)


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else toml_value(name)


def _rows(made: type[Dataclass], path: str) -> Iterator[str]:
    for item in declared(made):
        if isinstance(item.kind, Struct):
            yield from _rows(item.kind.made, f"{path}{item.key}.")
            continue
        yield f"| `{_named(path + item.key)}` | {_usual(item)} | {item.words} |"


def _named(path: str) -> str:
    table, _, key = path.rpartition(".")
    return f"[{table}] {key}" if table else key


def _usual(item: Setting) -> str:
    if item.usual:
        return item.usual
    if item.required:
        return "(must be given)"
    value = item.kind.show(item.usually())
    if value in ("", [], {}):
        return "(none)"
    return f"`{value if isinstance(value, str) else toml_value(value)}`"


def _example(made: type[Dataclass], values: Mapping[str, object], path: str) -> Iterator[str]:
    tables = []
    for item in declared(made):
        value = values.get(path + item.key, item.example)
        if value is None:
            value = _shown_default(item)
        if isinstance(item.kind, Struct) or isinstance(value, dict):
            tables.append((item, value))
            continue
        yield from _commented(item.words)
        yield f"{_mark(item)}{item.key} = {toml_value(value)}"
        yield ""
    for item, value in tables:
        yield from _commented(item.words)
        yield f"{_mark(item)}[{path}{item.key}]"
        if isinstance(item.kind, Struct):
            yield from _example(item.kind.made, values, f"{path}{item.key}.")
        elif isinstance(value, dict):
            yield from (f"{_mark(item)}{_key(k)} = {toml_value(v)}" for k, v in value.items())
            yield ""


def _mark(item: Setting) -> str:
    """Return what comments a setting out, unless it is written into a new file."""
    return "" if _written(item) else "# "


def _written(item: Setting) -> bool:
    if isinstance(item.kind, Struct):
        return any(map(_written, item.kind.settings.values()))
    return item.written


def _shown_default(item: Setting) -> object:
    if isinstance(item.kind, Struct) or item.required:
        return ""
    return item.kind.show(item.usually())


def _commented(words: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(words, WIDTH))


def _described(settings: Dataclass, path: str) -> Iterator[str]:
    tables = []
    for item in declared(type(settings)):
        value = getattr(settings, item.name)
        if isinstance(item.kind, Struct):
            tables.append((item.key, value))
        else:
            yield f"{item.key} = {toml_value(item.kind.show(value))}"
    for key, value in tables:
        yield f"\n[{path}{key}]"
        yield from _described(value, f"{path}{key}.")
