"""Run pytest with the plugin on tests of one's own, as a user does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

PLUGIN = ("-p", "boruta_farm.pytest_plugin.plugin")
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Of what is installed here, others' plugins take longer to load than ours to lend a board."""


class Suite:
    """A folder with tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, tests: str, name: str = "test_it.py") -> None:
        """Write a file of tests."""
        (self.folder / name).write_text(tests)

    def start(
        self, *options: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start pytest."""
        return subprocess.Popen(
            (
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    "no:cacheprovider",
                    "-p",
                    "no:asyncio",
                    *PLUGIN,
                ),
                *options,
            ),
            cwd=self.folder,
            env={**os.environ, **ALONE, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, *options: str, status: int = 0, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run pytest to its end and return what it prints."""
        with self.start(*options, environment=environment) as process:
            try:
                printed, _ = process.communicate(timeout=120)
            finally:
                process.kill()
        assert process.returncode == status, printed
        return printed


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Return a folder for tests of one's own."""
    folder = tmp_path / "suite"
    folder.mkdir()
    return Suite(folder)
