"""labgrid from the registry, in an environment of its own: its libraries replace some of ours."""

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

WANTED = "labgrid==26.0.1"
WITHIN = 240.0


@functools.cache
def labgrid_python() -> Path:
    """Return a Python that has labgrid, made once; skip where it cannot be had."""
    folder = Path(tempfile.mkdtemp(prefix="labgrid-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    python = folder / "bin" / "python"
    for words in (
        (sys.executable, "-m", "venv", str(folder)),
        (str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", WANTED),
    ):
        try:
            done = subprocess.run(words, capture_output=True, timeout=WITHIN, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"labgrid cannot be had here: {error}")
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            pytest.skip(f"labgrid cannot be had here: {lines[-1] if lines else words[-1]}")
    return python
