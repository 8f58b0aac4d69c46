"""Put the page into what is built: hatch calls this before it makes a wheel or an sdist.

An sdist carries the built page beside its sources, so a wheel made of one needs no npm.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "src/boruta_farm/page"


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
