"""``./run``, the one word per chore."""

import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run"


@pytest.mark.parametrize("chore", ["boruta", "dryad"])
def test_files_are_those_of_the_folder_it_is_called_from(tmp_path: Path, chore: str) -> None:
    clone, elsewhere = tmp_path / "clone", tmp_path / "else where"
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    elsewhere.mkdir()
    shutil.copy(RUN, clone)
    for name in ("requirements.lock", "build.lock", "pyproject.toml"):
        (clone / name).write_text(name)
    locks = "requirements.lockbuild.lockpyproject.toml"
    stamp = subprocess.run(["cksum"], input=locks, capture_output=True, text=True, check=True)
    (clone / ".venv" / ".stamp").write_text(stamp.stdout)
    (programs / chore).write_text('#!/bin/sh\npwd; echo "$@" > "$2"\n')
    (programs / chore).chmod(0o755)
    done = subprocess.run(
        ["../clone/run", chore, "--conf", "x"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{elsewhere}\n"
    assert (elsewhere / "x").read_text() == "--conf x\n"
    assert not (clone / "x").exists()
