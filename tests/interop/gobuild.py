"""Build the Go programs that play the original's parts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def build(name: str, folder: Path) -> Path:
    """Build a program of this folder without the network, outside the user's caches, or skip."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed (Debian: golang-go)")
    settings = {"GO111MODULE": "off", "GOFLAGS": "", "GOPROXY": "off", "CGO_ENABLED": "0"}
    folders = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}
    program = folder / name
    subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=HERE / name,
        env={**os.environ, **settings, **folders},
        check=True,
        timeout=600,
    )
    return program
