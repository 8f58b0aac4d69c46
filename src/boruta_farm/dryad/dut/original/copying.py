"""``dut_copyto.sh HERE THERE`` and ``dut_copyfrom.sh THERE HERE``: here is beside the device.

Nothing but a shell, ``cat`` and, for folders, ``tar`` is needed on the device.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from boruta_farm.dryad.dut.call import DutError, UsageError
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.original.device import quoted, run_there

FOLDER: Final = 3
MISSING: Final = 4


def operate(name: str, words: list[str]) -> int:
    """Copy one file or folder."""
    if len(words) != 2:
        raise UsageError(f"{name} takes two paths: from, and to")
    if name == "dut_copyto.sh":
        _copy_to(Path(words[0]), words[1])
    else:
        _copy_from(words[0], Path(words[1]))
    return Status.DONE


def _copy_to(here: Path, there: str) -> None:
    """Copy to the device; into a folder that is there already, as ``cp`` does."""
    try:
        if here.is_dir():
            with tempfile.TemporaryFile() as packed:
                with tarfile.open(fileobj=packed, mode="w") as archive:
                    archive.add(here, arcname=".")
                packed.seek(0)
                script = 'mkdir -p "$d" && tar -xf - -C "$d"'
                status = run_there(_into(there, here, script), source=packed)
        else:
            mode = f"{here.stat().st_mode & 0o777:o}"
            with here.open("rb") as file:
                status = run_there(
                    _into(there, here, f'cat >"$d" && chmod {mode} "$d"'), source=file
                )
    except OSError as error:
        raise DutError(Status.FAILED, f"{here}: {error.strerror or error}") from None
    if status:
        raise DutError(Status.FAILED, f"{there} could not be written on the device")


def _into(there: str, here: Path, script: str) -> str:
    name = quoted([here.resolve().name])
    return f'd={quoted([there])}; [ ! -d "$d" ] || d="$d"/{name}; {script}'


def _copy_from(there: str, here: Path) -> None:
    """Copy from the device; what has the name here stays until all has come."""
    path = quoted([there])
    kind = run_there(f"[ ! -d {path} ] || exit {FOLDER}; [ -r {path} ] || exit {MISSING}")
    if kind == MISSING:
        raise DutError(Status.FAILED, f"{there} is not on the device, or cannot be read there")
    if here.is_dir():
        here /= Path(there).name
    try:
        with tempfile.TemporaryDirectory(dir=here.parent, prefix=".dut-") as folder:
            new = Path(folder, "new")
            with new.open("wb") as file:
                script = f"tar -cf - -C {path} ." if kind == FOLDER else f"cat {path}"
                status = run_there(script, output=file)
            if status:
                raise DutError(Status.FAILED, f"{there} could not be read on the device")
            if kind == FOLDER:
                _unpack(new, here)
            else:
                shutil.move(new, here)
    except OSError as error:
        raise DutError(Status.FAILED, f"{here} cannot be written: {error.strerror}") from None


def _unpack(archive: Path, here: Path) -> None:
    """Unpack what the device sent. Raises DutError, OSError.

    By the program, which lets no name lead out of the folder: Debian 12's Python would.
    """
    here.mkdir(exist_ok=True)
    words = ("tar", "--no-same-owner", "-xf", str(archive), "-C", str(here))
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), "tar failed")
        raise DutError(Status.FAILED, f"{here} cannot be written: {last}")
