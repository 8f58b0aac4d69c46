"""Build the Go programs that play the original's parts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def build(sources: Path, folder: Path) -> Path:
    """Build a program without the network and outside the user's caches, or skip in words."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed (Debian: golang-go)")
    settings = {"GO111MODULE": "off", "GOFLAGS": "", "GOPROXY": "off", "CGO_ENABLED": "0"}
    folders = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}
    subprocess.run(
        [go, "build", "-o", str(folder / sources.name), "."],
        cwd=sources,
        env={**os.environ, **settings, **folders},
        check=True,
        timeout=300,
    )
    return folder / sources.name
