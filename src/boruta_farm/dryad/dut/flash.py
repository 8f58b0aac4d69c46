"""``dut flash [NAME] FILE|-|URL``."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, UsageError, answer
from boruta_farm.dryad.dut.frames import NOTE, RESULT, Status, unpack_words
from boruta_farm.dryad.dut.options import options
from boruta_farm.dryad.dut.progress import ProgressLine, size
from boruta_farm.dryad.dut.words import one_name, show_json

SWITCHES: Final = ("--no-verify", "--keep", "--as-it-is", "--progress", "--help")
VALUES: Final = ("--bmap", "--bmap-size", "--sha256", "--size", "--partition")
FOLLOWS: Final = "follows"
LARGEST_BMAP: Final = 4 << 20
HALF: Final = "the medium is now neither old nor new: flash it again"
SCHEMES: Final = ("http://", "https://")

HELP: Final = """\
usage: dut flash [NAME] FILE|-|URL [--bmap FILE] [--sha256 SUM] [--partition N] [--no-verify] ...

Write an image to a medium, read it back, and give the medium to the device. FILE is raw, or
packed by gzip, xz, zstd or bzip2, which is told by its content; - is standard input. A URL must
be one that the board's admin allows.

  --bmap FILE     write only the blocks that a bmap (version 2) names, and check their sums
  --sha256 SUM    what the image, as it is given, must have; with a URL, the supervisor keeps it
                  and need not fetch it again
  --no-verify     do not read it back
  --keep          leave the medium at the supervisor
  --partition N   write it to this partition of the medium's own table, and touch nothing else
  --as-it-is      write packed bytes as they are
  --size BYTES    how long the image on standard input is: one that ends early is told; with
                  "--sha256 follows" its 64 digits come behind it, with --bmap-size BYTES
                  a bmap of so many comes before it
  --progress      a line that moves, as before a terminal
"""


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Have an image written; its file is handed to the agent, which reads it by itself."""
    plain, given = options(words, SWITCHES, VALUES)
    if "--help" in given:
        print(HELP, end="")
        return Status.DONE
    if not 1 <= len(plain) <= 2:
        raise UsageError("which image? dut flash [NAME] FILE|-|URL")
    *name, image = plain
    arguments: dict[str, object] = {
        "verify": "--no-verify" not in given,
        "to": "supervisor" if "--keep" in given else "dut",
        "bmap": "--bmap" in given or "--bmap-size" in given,
        "as_it_is": "--as-it-is" in given,
    }
    if "--partition" in given:
        arguments["partition"] = _count(given, "--partition")
    if given.get("--sha256") == FOLLOWS:
        arguments["sum_follows"] = True
    elif "--sha256" in given:
        arguments["sha256"] = given["--sha256"]
    if "--size" in given:
        arguments["length"] = _count(given, "--size")
    bmap = _read(given["--bmap"]) if "--bmap" in given else None
    file = -1
    if image.lower().startswith(SCHEMES):
        arguments["url"] = image
    elif image == "-":
        file = sys.stdin.fileno()
        if os.isatty(file):
            raise UsageError("standard input is the terminal; pipe the image into it")
    else:
        file = _open(image)
    if "--bmap-size" in given:
        bmap = _first_bytes(_count(given, "--bmap-size"))
    conversation = DutConversation("storage.flash", one_name(name), file=file, **arguments)
    result = watch(conversation, bmap, moves="--progress" in given)
    if json:
        show_json(result)
    else:
        print(_words(result), file=sys.stderr)
    return Status.DONE


def watch(
    conversation: DutConversation, data: bytes | None = None, *, moves: bool = False
) -> dict[str, Any]:
    """Send ``data``, tell how far the act has come, and return its answer. Raises DutError."""
    progress = ProgressLine(moves=moves)
    try:
        if data is not None:
            conversation.send(data)
            conversation.end()
        for letter, frame in conversation.frames():
            if letter == NOTE:
                progress.show(unpack_words(frame))
            elif letter == RESULT:
                progress.clear()
                return answer(unpack_words(frame))
        raise AssertionError("frames end with a result")
    except KeyboardInterrupt:
        progress.clear()
        half = f": {HALF}" if progress.phase in ("write", "sync") else ""
        print(f"dut: interrupted{half}", file=sys.stderr)
        raise
    finally:
        conversation.close()


def _words(result: dict[str, Any]) -> str:
    count, seconds = int(result["bytes"]), float(result["seconds"])
    rate = f" ({size(count / seconds)}/s)" if seconds > 0 else ""
    checked = "read back and compared" if result["verified"] else "not read back"
    cached = ", from the supervisor's copy" if result.get("cached") else ""
    where = "the device" if result["holder"] == "dut" else "the supervisor"
    return (
        f"{size(count)} written in {seconds:.1f} s{rate}{cached}, {checked}; the medium is at "
        f"{where} now"
    )


def _count(given: Mapping[str, str], name: str) -> int:
    word = given[name]
    if not word.isascii() or not word.isdigit():
        what = "partition" if name == "--partition" else "number of bytes"
        raise UsageError(f"{name}: {word!r} is no {what}")
    return int(word)


def _first_bytes(count: int) -> bytes:
    """Return the beginning of standard input, and take no byte more from it."""
    data = b""
    while len(data) < min(count, LARGEST_BMAP) and (
        piece := os.read(sys.stdin.fileno(), min(count, LARGEST_BMAP) - len(data))
    ):
        data += piece
    if len(data) < count:
        raise DutError(Status.FAILED, f"{len(data)} of the {count} bytes of a bmap came")
    return data


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DutError(Status.FAILED, f"{path}: {error.strerror}") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DutError(Status.FAILED, f"{path}: {error.strerror}") from None
