"""``dut save [NAME] FILE|-``."""

import os
import sys
from pathlib import Path
from typing import Final

from boruta_farm.dryad.dut.call import Conversation, DutError, UsageError
from boruta_farm.dryad.dut.flash import watch
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.options import options
from boruta_farm.dryad.dut.progress import size
from boruta_farm.dryad.dut.words import one_name, show_json

FORMS: Final = ("gz", "xz", "zst", "bz2")


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Have a medium read into a file, which the agent writes by itself.

    A file of that name is replaced, and removed when the medium could not be read to its end.
    """
    plain, _ = options(words, (), ())
    if not 1 <= len(plain) <= 2:
        raise UsageError("where to? dut save [NAME] FILE|-")
    *name, path = plain
    if path == "-" and sys.stdout.isatty():
        raise UsageError("a medium is not for a terminal; write: dut save - | ...")
    ending = path.rpartition(".")[2]
    file = sys.stdout.fileno() if path == "-" else _open(path)
    form = ending if ending in FORMS else "raw"
    try:
        result = watch(Conversation("storage.save", one_name(name), file=file, form=form))
    except BaseException:
        if path != "-":
            Path(path).unlink()
        raise
    if path == "-":
        return Status.DONE
    if json:
        show_json({**result, "file": path})
    else:
        print(f"{size(int(result['bytes']))} read; sha256 of the content {result['sha256']}")
    return Status.DONE


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise DutError(Status.FAILED, f"{path}: {error.strerror}") from None
