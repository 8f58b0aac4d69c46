"""``dut screen snap|watch [NAME] [FILE]``."""

import io
import sys
import time
from pathlib import Path
from typing import Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, UsageError, binary_output
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, show_json

SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png"}


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Take one picture, into FILE, or to the output where that is no terminal; or pass all on.

    A word is a file where it holds a dot or a slash, or is ``-``; else it is the tool's name.
    """
    act, *rest = words or ["snap"]
    if act not in ("snap", "watch"):
        raise UsageError(f"{act!r} is nothing that a screen does; it does snap, watch")
    file = rest.pop() if rest and (rest[-1] == "-" or {".", "/"} & set(rest[-1])) else ""
    name = one_name(rest)
    if act == "watch":
        if not file and sys.stdout.isatty():
            raise UsageError("pictures are not for a terminal; write: dut screen watch | mpv -")
        DutConversation("video.watch", name).finish(binary_output())
        return Status.DONE
    picture = io.BytesIO()
    answer = DutConversation("video.snap", name).finish(picture)
    if file == "-" or (not file and not sys.stdout.isatty() and not json):
        binary_output().write(picture.getvalue())
        return Status.DONE
    suffix = SUFFIXES.get(str(answer["media_type"]), ".bin")
    path = Path(file or time.strftime(f"screen-%Y%m%d-%H%M%S{suffix}"))
    try:
        path.write_bytes(picture.getvalue())
    except OSError as error:
        raise DutError(Status.FAILED, f"{path} cannot be written: {error.strerror}") from None
    if json:
        show_json({**answer, "file": str(path)})
    else:
        print(path)
    return Status.DONE
