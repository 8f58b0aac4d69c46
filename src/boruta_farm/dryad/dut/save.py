"""``dut save [NAME] FILE|-``."""

import sys
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, UsageError
from boruta_farm.dryad.dut.flash import watch
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.options import options
from boruta_farm.dryad.dut.progress import size
from boruta_farm.dryad.dut.words import one_name, show_json

FORMS: Final = ("gz", "xz", "zst", "bz2")


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Have a medium read into a file, which the agent writes by itself.

    It gets its name when it is whole: what had that name before stays until then.
    """
    plain, _ = options(words, (), ())
    if not 1 <= len(plain) <= 2:
        raise UsageError("where to? dut save [NAME] FILE|-")
    *name, path = plain
    if path == "-":
        if sys.stdout.isatty():
            raise UsageError("a medium is not for a terminal; write: dut save - | ...")
        _save(one_name(name), sys.stdout.fileno(), "raw")
        return Status.DONE
    ending = path.rpartition(".")[2]
    new = Path(path).with_name(f".{Path(path).name}.new")
    try:
        with new.open("wb") as file:
            form = ending if ending in FORMS else "raw"
            result = _save(one_name(name), file.fileno(), form)
        new.replace(path)
    except OSError as error:
        raise DutError(Status.FAILED, f"{path} cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
    if json:
        show_json({**result, "file": path})
    else:
        print(f"{size(int(result['bytes']))} read; sha256 of the content {result['sha256']}")
    return Status.DONE


def _save(name: str, file: int, form: str) -> dict[str, Any]:
    return watch(DutConversation("storage.save", name, file=file, form=form))
