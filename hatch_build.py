"""What hatch asks for before it makes a wheel or an sdist: the page, and the README for an index.

An sdist carries the built page beside its sources, so a wheel made of one needs no npm.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

PAGE = "src/boruta_farm/page"
PICTURE = "!["


class PageHook(BuildHookInterface[Any]):
    """Build ``ui/`` into the package, or say why it goes without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless the package is only linked to where it lies."""
        if version == "editable":
            return
        building = runpy.run_path(str(Path(self.root) / "ui" / "build.py"))
        try:
            building["build"]()
        except building["NotBuiltError"] as error:
            self.app.display_warning(f"the page is left out: {error}")
            return
        build_data["artifacts"].append(f"{PAGE}/**")


def for_an_index(readme: str) -> str:
    """Return the README as a package index shows it: without pictures, which do not lie there."""
    lines = readme.splitlines(keepends=True)
    return "".join(
        line
        for line, before in zip(lines, ["", *lines], strict=False)
        if not line.startswith(PICTURE) and not (before.startswith(PICTURE) and not line.strip())
    )


class ReadmeHook(MetadataHookInterface):
    """Describe the package by its README."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the text in."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_an_index(text)}
