"""The process that moves images: it gets descriptors and an order, and says how it goes.

``python -I -S -c ... `` runs ``main``. The order is the first line of standard input, a JSON
object; when standard input ends, so does the process, whatever it is at: nothing is written for
an agent that is gone. Standard output has a JSON object on each line: progress, then the result,
``{"done": {...}}`` or ``{"error": words, "touched": whether the medium was written to}``.
"""

import encodings.idna  # noqa: F401  # Python's own files may be closed to nobody
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from boruta_farm.dryad.images.bmap import BlockMap, read_bmap
from boruta_farm.dryad.images.copying import Copy, read_back
from boruta_farm.dryad.images.errors import ImageError, size
from boruta_farm.dryad.images.fetching import Download, fetch
from boruta_farm.dryad.images.forms import Form, Unpacked
from boruta_farm.dryad.images.medium import Medium, new_buffer
from boruta_farm.dryad.images.partitions import find_partition
from boruta_farm.dryad.images.rights import drop_rights
from boruta_farm.dryad.images.saving import SaveTarget, save
from boruta_farm.dryad.images.source import Source, fill, length_of, take_from

TOLD_EVERY: Final = 0.5
SUM: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOrder:
    """Say what is to be done; descriptors are numbers in the process, -1 for none.

    ``source`` is the image, or the file that a medium is saved to; ``url`` stands in its place.
    ``sum_follows`` says that the image's sha256 comes behind its ``length`` bytes. ``keep`` gets a
    copy of what is fetched, of at most ``room`` bytes. ``sparing`` leaves blocks alone that the
    medium has already. A medium that ``grows`` is written from beginning to end, up to
    ``medium_room`` bytes where that is a number. ``partition`` is the number of the one to write, 0
    for the whole medium; ``as_it_is`` leaves the image packed.
    """

    medium: int
    grows: bool = False
    medium_room: int | None = None
    source: int = -1
    saving: bool = False
    form: Form = Form.RAW
    url: str = ""
    prefixes: tuple[str, ...] = ()
    length: int | None = None
    sha256: str = ""
    sum_follows: bool = False
    bmap: str = ""
    verify: bool = True
    sparing: bool = False
    keep: int = -1
    room: int = 0
    partition: int = 0
    as_it_is: bool = False

    def line(self) -> bytes:
        """Return it as the process reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "ImageOrder":
        """Return the order of a line."""
        words = json.loads(line)
        words["prefixes"], words["form"] = tuple(words["prefixes"]), Form(words["form"])
        return cls(**words)


class Report:
    """Say how far it has come, now and then."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._last = 0.0

    def progress(self, phase: str, done: int, total: int | None, *, soon: bool = False) -> None:
        """Say how much of a phase is done."""
        now = time.monotonic()
        if soon or now - self._last >= TOLD_EVERY:
            self._last = now
            self._say({"phase": phase, "bytes": done, "total": total})


class Keeping:
    """Copy what is fetched into a file, as long as there is room for it."""

    def __init__(self, descriptor: int, room: int) -> None:
        self._descriptor = descriptor
        self._room = room
        self.whole = descriptor >= 0

    def take(self, view: memoryview) -> None:
        """Write a part; without room nothing is kept, and the image goes on."""
        self._room -= len(view)
        if self.whole and self._room < 0:
            self._give_up()
        try:
            while self.whole and len(view):
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        self.whole = False
        os.ftruncate(self._descriptor, 0)


def write(order: ImageOrder, report: Report) -> dict[str, Any]:
    """Write an image; return what the result tells. Raises ImageError; ``touched`` may be set."""
    medium = Medium(order.medium, grows=order.grows, room=order.medium_room)
    if order.partition:
        medium = Medium(order.medium, window=find_partition(medium, order.partition))
    bmap = read_bmap(order.bmap.encode()) if order.bmap else None
    keeping = Keeping(order.keep, order.room)
    source, download = _source(order, keeping)
    image = Unpacked(source, as_it_is=order.as_it_is)
    _see_that_it_fits(image, source, bmap, medium)
    copy = Copy(
        image=image,
        medium=medium,
        bmap=bmap,
        checked=order.verify and medium.seekable,
        sparing=order.sparing,
        told=lambda _: report.progress("write", source.done, source.length),
    )
    began = time.monotonic()
    report.progress("write", 0, source.length, soon=True)
    try:
        known = copy.carry_out()
        _see_end(order, source, download)
        report.progress("sync", copy.written, None, soon=True)
        medium.sync()
        took = time.monotonic() - began
        if copy.checked:
            read_back(medium, known, lambda n: report.progress("verify", n, copy.written))
    except ImageError as error:
        raise HalfError(str(error), touched=copy.touched) from None
    return {
        "bytes": copy.written,
        "seconds": round(took, 3),
        "sha256": source.hexdigest(),
        "content_sha256": copy.content,
        "form": image.form,
        "verified": copy.checked,
        "changed": copy.touched,
        "kept": keeping.whole,
    }


def keep(order: ImageOrder, report: Report) -> dict[str, Any]:
    """Read a medium into a file; return what the result tells. Raises ImageError."""
    medium = Medium(order.medium)
    began = time.monotonic()
    target = SaveTarget(order.source, order.form)
    total = medium.capacity if order.length is None else order.length
    count, digest = save(
        medium, target, lambda n: report.progress("read", n, total), length=order.length
    )
    took = round(time.monotonic() - began, 3)
    return {"bytes": count, "seconds": took, "sha256": digest}


class HalfError(ImageError):
    """Writing failed on the way; ``touched`` tells whether the medium was written to."""

    def __init__(self, words: str, *, touched: bool) -> None:
        super().__init__(words)
        self.touched = touched


def _source(order: ImageOrder, keeping: Keeping) -> tuple[Source, Download | None]:
    summed = bool(order.sha256 or order.sum_follows or order.url)
    if not order.url:
        length = length_of(order.source) if order.length is None else order.length
        return Source(take_from(order.source), length=length, summed=summed), None
    download = fetch(order.url, order.prefixes)
    tee = keeping.take if keeping.whole else None
    return Source(download.take, length=download.length, summed=summed, tee=tee), download


def _see_that_it_fits(
    image: Unpacked, source: Source, bmap: BlockMap | None, medium: Medium
) -> None:
    if bmap is not None and not medium.seekable:
        raise ImageError("this tool takes whole images only; leave --bmap out")
    known = bmap.size if bmap is not None else source.length if image.form is Form.RAW else None
    if known is not None and medium.capacity is not None and known > medium.capacity:
        raise ImageError(
            f"the image has {size(known)}, the medium only {size(medium.capacity)}; nothing was "
            "written"
        )


def _see_end(order: ImageOrder, source: Source, download: Download | None) -> None:
    """See that the image was all, and the one that was meant."""
    rest = new_buffer()
    while fill(source, rest):
        pass  # What an archive holds behind its end belongs to the sum.
    if download is not None:
        download.see_end()
    wanted = order.sha256
    if order.sum_follows:
        take, told = take_from(order.source), memoryview(bytearray(SUM))
        tail = Source(take, length=SUM)
        fill(tail, told)
        wanted = bytes(told).decode(errors="replace")
    if wanted and source.hexdigest() != wanted.lower():
        raise ImageError(
            f"the image has the sha256 {source.hexdigest()}, not {wanted}; get it anew, or correct "
            "the sum"
        )


def main() -> None:
    """Carry out the order that standard input gives."""
    with open(0, "rb", closefd=False) as given:
        order = ImageOrder.read(given.readline())
    threading.Thread(target=_end_with_agent, daemon=True).start()
    drop_rights()

    def say(words: dict[str, Any]) -> None:
        os.write(1, json.dumps(words).encode() + b"\n")

    try:
        say({"done": (keep if order.saving else write)(order, Report(say))})
    except ImageError as error:
        say({"error": str(error), "touched": isinstance(error, HalfError) and error.touched})
    except BrokenPipeError:
        return  # The agent has gone, and nobody listens.


def _end_with_agent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
