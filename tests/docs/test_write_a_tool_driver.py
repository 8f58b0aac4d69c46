"""The page about writing a tool driver shows the example's very files, and the example works.

Run `python -m tests.docs.test_write_a_tool_driver` to write the example anew.
"""

import inspect
import tomllib
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.tools.registry import KINDS
from tests.docs.parts import between
from tests.dryad.doctor.configs import config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "write-a-tool-driver.md"
EXAMPLE = DOCS / "examples" / "usbrelay"
FILES = {"boruta_usbrelay.py": "python", "pyproject.toml": "toml"}
MODULE = "python -m tests.docs.test_write_a_tool_driver"


def methods(kind: object) -> str:
    """Return the methods of a Protocol as they are called."""
    found = [
        f"`{name}({', '.join(list(inspect.signature(method).parameters)[1:])})`"
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]
    return ", ".join(found)


def page(text: str) -> str:
    """Return the page with the files as they are, and the kinds."""
    for name, language in FILES.items():
        content = (EXAMPLE / name).read_text()
        text = between(text, f"{name}: {MODULE}", name, f"```{language}\n{content}```\n")
    rows = [f"| `{kind}` | {methods(each.protocol)} |\n" for kind, each in KINDS.items()]
    head = "| kind | methods |\n| --- | --- |\n"
    return between(text, f"kinds: {MODULE}", "kinds", head + "".join(rows))


def test_the_page_shows_the_example() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), f"run: {MODULE}"


def test_the_example_is_short() -> None:
    lines = (EXAMPLE / "boruta_usbrelay.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 30


async def test_the_example_works_once_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    told = tmp_path / "boruta_usbrelay-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n"
    )
    [(group, names)] = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in names.items()), ""]
    (told / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLE)
    port = tmp_path / "ttyUSB0"
    table = f'[tools.reset]\ndriver = "usbrelay"\nport = "{port}"\nrelay = 2\nhold = 0'
    toolbox, _ = open_tools(config(tmp_path, tables=table))
    reset = toolbox.find("button")
    await reset.tool.press()  # type: ignore[attr-defined]  # it is a button
    assert port.read_bytes() == bytes((0xA0, 2, 1, 0xA3))
    assert await reset.reset()
    assert port.read_bytes() == bytes((0xA0, 2, 0, 0xA2))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
