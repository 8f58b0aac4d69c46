"""``fota -card DEVICE -map FILE [-md5 FILE|URL] [-q] [ARCHIVE ...]``: archives to partitions."""

import json
import os
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from boruta_farm.dryad.dut.call import DutConversation, DutError, ask
from boruta_farm.dryad.dut.flash import watch
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.original.archives import Archive, is_address, read_sums
from boruta_farm.dryad.dut.original.flags import read_flags

SWITCHES: Final = ("q", "h", "help")
VALUES: Final = ("card", "map", "md5", "remote")
PIECE: Final = 1 << 20

HELP: Final = """\
usage: fota -card DEVICE -map FILE [-md5 FILE|URL] [-q] [ARCHIVE ...]

Write files of tar archives (plain, or packed by gzip, bzip2 or xz) to partitions of the card.

  -card DEVICE    the card's device, such as /dev/sda, which one of the board's tools has
  -map FILE       a JSON object: names of files in the archives, and the partition of each, such as
                  {"boot.img": "1"}; "" is the whole card
  -md5 FILE|URL   md5 sums of archives, as md5sum prints them
  -q              say nothing but what is wrong
  -remote SOCKET  accepted as by the original; the agent's tools are used in any case

An ARCHIVE is a file or a URL. What comes from a file is read back and compared.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """Say what is to be written where."""

    tool: str
    mapping: Mapping[str, int]
    sums: Mapping[str, str]
    quiet: bool

    def say(self, words: str) -> None:
        """Tell how far it has come."""
        if not self.quiet:
            print(f"fota: {words}", file=sys.stderr)


def operate(_name: str, words: list[str]) -> int:
    """Write all archives, one after the other."""
    archives, given = read_flags(words, SWITCHES, VALUES)
    if "h" in given or "help" in given:
        print(HELP, end="")
        return Status.DONE
    for name, what in (("map", "mapping"), ("card", "sdcard")):
        if not given.get(name):
            raise DutError(Status.FAILED, f"missing {what} argument (-{name}); see: fota -help")
    mapping = read_mapping(Path(given["map"]))
    if not mapping:
        if "q" not in given:
            print("fota: empty partition mapping; nothing to do", file=sys.stderr)
        return Status.DONE
    order = CardOrder(
        tool=_find_tool(given["card"]),
        mapping=mapping,
        sums=read_sums(given["md5"]) if given.get("md5") else {},
        quiet="q" in given,
    )
    try:
        ask("storage.give", order.tool, to="supervisor")
    except DutError as error:
        raise DutError(Status.FAILED, f"SDcard not found: {error}") from None
    order.say("SDcard detected")
    # As the original tells: all are files, or all come from the web.
    remote = bool(archives) and not Path(archives[0]).exists()
    for archive in archives:
        if remote and not is_address(archive):
            raise DutError(Status.FAILED, f"{archive} is neither a file nor an http(s) address")
        _write(archive, order, remote=remote)
    if not archives:
        order.say("nothing to do")
    return Status.DONE


def read_mapping(path: Path) -> dict[str, int]:
    """Return the partition of each file, 0 for the whole card. Raises DutError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise DutError(Status.FAILED, f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise DutError(Status.FAILED, f"failed to decode the mapping {path}: {error}") from None
    if not isinstance(found, dict):
        raise DutError(Status.FAILED, f'{path}: a JSON object is wanted, such as {{"a.img": "1"}}')
    return {name: _partition(path, name, suffix) for name, suffix in found.items()}


def _partition(path: Path, name: str, suffix: object) -> int:
    """Return the number that ends the device of a partition: ``1``, or ``p1`` as of mmcblk0."""
    number = suffix.removeprefix("p") if isinstance(suffix, str) else None
    if number == "" and suffix == "":
        return 0
    if number is None or not number.isascii() or not number.isdecimal() or int(number) == 0:
        raise DutError(Status.FAILED, f'{path}: {name}: {suffix!r} is no partition; write "1"')
    return int(number)


def _find_tool(card: str) -> str:
    """Return the tool whose medium is the device. Raises DutError."""
    tools = [tool for tool in ask("list")["tools"] if tool["kind"] == "storage"]
    for tool in tools:
        device = str(tool.get("device", ""))
        if device and (device == card or os.path.realpath(device) == os.path.realpath(card)):
            return str(tool["name"])
    known = ", ".join(str(tool.get("device") or tool["name"]) for tool in tools) or "none"
    raise DutError(
        Status.FAILED, f"SDcard not found: {card} is no card of this board's tools, only {known}"
    )


def _write(name: str, order: CardOrder, *, remote: bool) -> None:
    """Write what the mapping names of one archive, then compare its sum."""
    order.say(f"{'downloading' if remote else 'reading'} {name}")
    with Archive.open(name, remote=remote) as archive:
        try:
            for member, content in archive.files():
                _write_member(member, content, order, remote=remote)
        except tarfile.TarError as error:
            raise DutError(
                Status.FAILED, f"{name}: no tar archive that can be read: {error}"
            ) from None
        wanted = order.sums.get(archive.key) or order.sums.get(Path(archive.key).name)
        if wanted is not None and archive.md5() != wanted:
            words = f"MD5 checksum mismatch: {archive.md5()} != {wanted}"
            raise DutError(Status.FAILED, f"{name}: {words}; what was written is not to be trusted")


def _write_member(
    member: tarfile.TarInfo, content: IO[bytes], order: CardOrder, *, remote: bool
) -> None:
    place = order.mapping.get(member.name, order.mapping.get(member.name.removeprefix("./")))
    if place is None:
        order.say(f"{member.name} is not in the mapping; skipped")
        return
    where = f"partition {place}" if place else "the card"
    if not member.size:
        order.say(f"{member.name} is empty; nothing is written to {where}")
        return
    order.say(f"flashing {member.name} to {where}")
    began = time.monotonic()
    reading, writing = os.pipe()
    feed = _Feed(content, writing)
    try:
        # A server on the web must not wait for a read back of what it has sent.
        conversation = DutConversation(
            *("storage.flash", order.tool),
            file=reading,
            partition=place,
            as_it_is=True,
            length=member.size,
            verify=not remote,
            to="supervisor",
        )
    finally:
        os.close(reading)
    feed.start()
    try:
        watch(conversation)
    except DutError:
        feed.see_end()
        raise
    feed.see_end()
    took = max(time.monotonic() - began, 1e-6)
    order.say(f"flashed {member.name}, {member.size / took / 1000:.2f} kB/s")


class _Feed:
    """Write a file of an archive into a pipe, from which the agent reads."""

    def __init__(self, content: IO[bytes], descriptor: int) -> None:
        self._content = content
        self._descriptor = descriptor
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        """Begin to write, until nobody reads."""
        self._thread.start()

    def _write(self) -> None:
        try:
            with os.fdopen(self._descriptor, "wb", buffering=0) as pipe:
                for piece in _pieces(self._content):
                    view = memoryview(piece)
                    while len(view):
                        view = view[pipe.write(view) :]
        except BrokenPipeError:
            return  # The agent has ended it, and says why.
        except (OSError, EOFError, ValueError, tarfile.TarError, DutError) as error:
            self._failure = error

    def see_end(self) -> None:
        """Wait for it, and raise DutError where the archive itself failed."""
        self._thread.join()
        if self._failure is not None:
            raise DutError(Status.FAILED, f"the archive cannot be read: {self._failure}")


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(PIECE):
        yield piece
