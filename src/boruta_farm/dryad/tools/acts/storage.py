"""What is done with media: given to one side, flashed, saved; between jobs the supervisor's."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from boruta_farm.dryad.images.addresses import is_allowed
from boruta_farm.dryad.images.bmap import MOST_BYTES
from boruta_farm.dryad.images.forms import Form
from boruta_farm.dryad.images.partitions import MOST as MOST_PARTITIONS
from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools.acts.arguments import text
from boruta_farm.dryad.tools.cache import ImageCache
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import BRIEF, Act, ActCall, Kind, ToolKind
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.tools.media import DeviceStorage
from boruta_farm.dryad.tools.moving import HALF, MoveError, Note, move
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import BoardError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Several, Text, Whole
from boruta_farm.settings.places import Location, Url

GOLDEN_LIMIT: Final = 240.0
"""Seconds of a clean-up that a golden image may take; all of it may take 300."""

GIVE_LIMIT: Final = 60.0
LARGEST: Final = 1 << 50
_SUM: Final = re.compile("[0-9a-fA-F]{64}")
_WORDS: Final = {
    Holder.SUPERVISOR: "at the supervisor",
    Holder.DUT: "at the device",
    Holder.UNKNOWN: "unknown",
}


def _digest() -> Text:
    return Text(_SUM.pattern, "is no sha256: 64 hexadecimal digits are wanted")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageTable:
    """The settings of every tool of the kind storage."""

    image_urls: tuple[str, ...] = setting(
        Several(Url()),
        "What addresses of images must begin with, such as https://images.example/releases; "
        "without any, images come from sessions alone.",
        default=(),
    )
    image_cache: int = setting(
        Whole(0, 1_000_000),
        "Megabytes of images from these addresses that are kept on the supervisor by their "
        "sha256; 0 keeps none.",
        default=2000,
    )
    golden: Path | None = setting(
        Maybe(Location(full=True)),
        "An image that the medium is given back to between jobs: what differs is written, all is "
        "read back. What lies behind its end stays.",
        default=None,
        example="/var/lib/dryad/golden.img.zst",
    )
    golden_sha256: str | None = setting(
        Maybe(_digest()), "The golden image's sha256, as it lies in its file.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flashing:
    """What a caller wants to be written, checked."""

    url: str
    sha256: str
    length: int | None
    sum_follows: bool
    bmap: str
    verify: bool
    to: Holder
    partition: int
    as_it_is: bool

    @classmethod
    async def read(cls, table: StorageTable, call: ActCall) -> "Flashing":
        """Return what a call asks for. Raises ActError."""
        given = call.arguments
        url, digest = text(given, "url", ""), text(given, "sha256", "")
        if url and not table.image_urls:
            raise ActError("this board takes no images from addresses (image_urls)")
        if url and not is_allowed(url, table.image_urls):
            raise ActError(
                f"this board takes images from {', '.join(table.image_urls)} alone, not from {url}"
            )
        if digest and not _SUM.fullmatch(digest):
            raise ActError("sha256: 64 hexadecimal digits are wanted")
        length = _length(given.get("length"))
        sum_follows = given.get("sum_follows") is True
        if sum_follows and (length is None or digest or url):
            raise ActError("a sum can follow only an image of a known length")
        return cls(
            url=url,
            sha256=digest.lower(),
            length=length,
            sum_follows=sum_follows,
            bmap=await _bmap(call) if given.get("bmap") is True else "",
            verify=given.get("verify", True) is not False,
            to=_side(call, "to", Holder.DUT),
            partition=_partition(given.get("partition", 0)),
            as_it_is=given.get("as_it_is") is True,
        )


async def flash(
    tool: Storage, order: ImageOrder, image: int, note: Note, *more: int
) -> dict[str, Any]:
    """Write an image to a medium that the supervisor holds; return what the result tells.

    The order lacks the medium; ``more`` are further descriptors that it names. Raises BoardError.
    """
    images = (*more, *((image,) if image >= 0 else ()))
    async with tool.open(MediumUse.WRITE) as medium:
        order = replace(
            order,
            medium=medium.descriptor,
            source=image,
            grows=medium.grows,
            medium_room=medium.room,
        )
        result = await move(order, (medium.descriptor, *images), note)
    if not order.verify or result["verified"] or not tool.can_read:
        return result
    async with tool.open(MediumUse.READ) as medium:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            reading = ImageOrder(
                medium=medium.descriptor, source=nowhere, saving=True, length=result["bytes"]
            )
            found = await move(reading, (medium.descriptor, nowhere), note)
        finally:
            os.close(nowhere)
    if found["sha256"] != result["content_sha256"]:
        raise MoveError(f"what was read back is not what was written; {HALF}")
    return {**result, "verified": True}


async def _flash(tool: Storage, table: StorageTable, call: ActCall) -> Mapping[str, object]:
    wanted = await Flashing.read(table, call)
    await tool.give(Holder.SUPERVISOR)
    call.check()
    order = ImageOrder(
        medium=-1,
        length=wanted.length,
        sha256=wanted.sha256,
        sum_follows=wanted.sum_follows,
        bmap=wanted.bmap,
        verify=wanted.verify,
        partition=wanted.partition,
        as_it_is=wanted.as_it_is,
    )

    async def note(words: Mapping[str, Any]) -> None:
        await call.note(**words)

    if wanted.url:
        result = await _flash_from_web(tool, table, order, wanted.url, note)
    else:
        image = call.take_descriptor()
        try:
            result = await flash(tool, order, image, note)
        finally:
            os.close(image)
    call.check()
    if wanted.to is Holder.DUT:
        await tool.give(Holder.DUT)
    return {**result, "holder": wanted.to}


async def _flash_from_web(
    tool: Storage, table: StorageTable, order: ImageOrder, url: str, note: Note
) -> dict[str, Any]:
    """Flash from the cache where the sum is given and kept, else from the web."""
    cache = ImageCache(tool.folder / "images", table.image_cache * 1_000_000)
    known = cache.find(order.sha256) if order.sha256 else None
    if known is not None:
        try:
            return {**await flash(tool, order, known, note), "cached": True}
        except MoveError:
            # Were it the copy that is damaged, it would stay so.
            cache.drop(order.sha256)
            raise
        finally:
            os.close(known)
    keep, room = cache.begin() if order.sha256 else (-1, 0)
    order = replace(order, url=url, prefixes=table.image_urls, keep=keep, room=room)
    try:
        result = await flash(tool, order, -1, note, *((keep,) if keep >= 0 else ()))
        if result["kept"]:
            cache.keep(order.sha256)
        return {**result, "cached": False}
    finally:
        if keep >= 0:
            os.close(keep)
            cache.drop()


async def _save(tool: Storage, _: StorageTable, call: ActCall) -> Mapping[str, object]:
    form = text(call.arguments, "form", Form.RAW)
    if form not in set(Form):
        raise ActError(f"form: one of {', '.join(Form)} is wanted")
    if not tool.can_read:
        raise ActError("this tool can only write")
    before = await tool.holder()
    await tool.give(Holder.SUPERVISOR)
    call.check()

    async def note(words: Mapping[str, Any]) -> None:
        await call.note(**words)

    target = call.take_descriptor()
    try:
        async with tool.open(MediumUse.READ) as medium:
            order = ImageOrder(
                medium=medium.descriptor, source=target, saving=True, form=Form(form)
            )
            result = await move(order, (medium.descriptor, target), note)
    finally:
        os.close(target)
    call.check()
    if before is Holder.DUT:
        await tool.give(before)
    return result


async def _give(tool: Storage, _: StorageTable, call: ActCall) -> Mapping[str, object]:
    to = _side(call, "to", None)
    await tool.give(to)
    return {"holder": to}


async def _state(tool: Storage, _: StorageTable, __: ActCall) -> Mapping[str, object]:
    holder = await tool.holder()
    return {"holder": holder, "words": _WORDS[holder]}


async def _look(tool: Storage, _: StorageTable) -> str:
    return _WORDS[await tool.holder()]


async def _reset(tool: Storage, table: StorageTable) -> bool:
    """Take the medium back; without a golden image its content is nobody's promise."""
    await tool.give(Holder.SUPERVISOR)
    if table.golden is None:
        return False
    try:
        image = os.open(table.golden, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise BoardError(f"the golden image {table.golden}: {error.strerror}") from None
    try:
        order = ImageOrder(medium=-1, sha256=table.golden_sha256 or "", sparing=True)
        result = await flash(tool, order, image, _tell_nobody)
    except BoardError as error:
        raise BoardError(f"the golden image {table.golden}: {error.message}") from None
    finally:
        os.close(image)
    return bool(result["verified"])


async def _tell_nobody(_: Mapping[str, Any]) -> None:
    return


async def _bmap(call: ActCall) -> str:
    """Return what the caller sends. Raises ActError."""
    data = bytearray()
    while piece := await call.receive():
        data += piece
        if len(data) > MOST_BYTES:
            raise ActError(f"bmap: more than {MOST_BYTES} bytes came; is it one?")
    if not data:
        raise ActError("bmap: nothing came; is the file empty?")
    return data.decode(errors="replace")


def _side(call: ActCall, name: str, usual: Holder | None) -> Holder:
    word = text(call.arguments, name, usual)
    if word not in (Holder.SUPERVISOR, Holder.DUT):
        raise ActError(f"{name}: {Holder.SUPERVISOR} or {Holder.DUT} is wanted")
    return Holder(word)


def _length(found: object) -> int | None:
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= LARGEST:
        raise ActError("length: a number of bytes is wanted")
    return found


def _partition(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST_PARTITIONS:
        raise ActError(f"partition: a number from 1 to {MOST_PARTITIONS} is wanted")
    return found


def _describe(tool: Storage, _: StorageTable) -> Mapping[str, object]:
    return {"device": str(tool.device.path)} if isinstance(tool, DeviceStorage) else {}


def _reset_within(table: StorageTable) -> float:
    return BRIEF if table.golden is None else GOLDEN_LIMIT


STORAGE: Final = ToolKind(
    kind=Kind.STORAGE,
    protocol=Storage,
    acts=(
        Act(verb="state", perform=_state, alone=False),
        Act(verb="give", perform=_give, limit=GIVE_LIMIT),
        Act(verb="flash", perform=_flash, limit=None, streams=True),
        Act(verb="save", perform=_save, limit=None, streams=True),
    ),
    settings=StorageTable,
    describe=_describe,
    look=_look,
    reset=_reset,
    reset_within=_reset_within,
)
