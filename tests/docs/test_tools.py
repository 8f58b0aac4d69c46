"""The pages of tools tell every driver's settings as they are declared.

Run `python -m tests.docs.test_tools` to write them anew.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.main import VERBS
from boruta_farm.dryad.plugins import find, installed
from boruta_farm.dryad.tools.base import TOOLS, ToolDriver, ToolSettings
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.registry import KINDS
from boruta_farm.settings import document
from boruta_farm.settings.declaration import Dataclass, declared
from tests.docs.parts import between

DOCS = Path(__file__).parents[2] / "docs"
MARK = "settings: python -m tests.docs.test_tools"
DRIVERS: dict[str, ToolDriver[Dataclass]] = {
    name: find(TOOLS, name, ToolDriver) for name in installed(TOOLS)
}


def page_of(kind: Kind) -> Path:
    return DOCS / f"tool-{kind}.md"


def settings_of(kind: Kind) -> str:
    """Return what the page of a kind tells of settings."""
    return "\n".join(_parts(kind))


def _parts(kind: Kind) -> Iterator[str]:
    if declared(KINDS[kind].settings):
        yield f"## Settings of each\n\n{document.reference(KINDS[kind].settings)}"
    for name, driver in DRIVERS.items():
        if kind in driver.kinds:
            module = driver.open.__module__
            words = (__import__(module, fromlist=["_"]).__doc__ or "").splitlines()[0]
            words = words.partition(": ")[2]
            yield (
                f"## Driver `{name}`\n\n{words[:1].upper()}{words[1:]}\n\n"
                f"{document.reference(driver.settings)}"
            )


def pages() -> dict[Path, str]:
    """Return every page as it has to be."""
    common = {DOCS / "tools.md": document.reference(ToolSettings)}
    kinds = {page_of(kind): settings_of(kind) for kind in Kind}
    return {
        path: between(path.read_text(), MARK, "settings", text)
        for path, text in {**common, **kinds}.items()
    }


@pytest.mark.parametrize("path", [DOCS / "tools.md", *map(page_of, Kind)], ids=lambda p: p.stem)
def test_the_pages_are_up_to_date(path: Path) -> None:
    assert path.read_text() == pages()[path], "run: python -m tests.docs.test_tools"


def test_every_verb_is_told() -> None:
    page = (DOCS / "tools.md").read_text()
    assert all(f"`dut {verb}" in page for verb in VERBS)


def test_every_page_of_a_kind_is_reached() -> None:
    page, menu = (DOCS / "tools.md").read_text(), (DOCS.parent / "mkdocs.yml").read_text()
    for kind in Kind:
        assert f"({page_of(kind).name})" in page
        assert f" {page_of(kind).name}\n" in menu


if __name__ == "__main__":
    for written, text in pages().items():
        written.write_text(text)
