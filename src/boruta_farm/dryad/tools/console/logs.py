"""The logs of ended jobs' consoles, on the agent's disk until the farm has them."""

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.files import write_durably
from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.model.console import PIECE_HEAD, ConsoleChunk, ConsolePiece, pack_chunk

logger = logging.getLogger(__name__)

CHUNK: Final = 32 * 1024
"""Bytes of a chunk's pieces, at most, before they are compressed."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""What the logs of all jobs may take on the disk; the oldest are given up, and told."""

_NAME: Final = re.compile(r"([0-9]+)\.([a-z][a-z0-9_-]{0,30})\.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """Point at the log of one console in one job; ``sizes`` are those of its chunks."""

    path: Path
    epoch: int
    console: str
    dropped: int
    sizes: tuple[int, ...]
    offset: int

    def chunks(self) -> Iterator[ConsoleChunk]:
        """Yield the chunks in order, read one by one. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for sequence, size in enumerate(self.sizes):
                yield ConsoleChunk(
                    console=self.console,
                    sequence=sequence,
                    count=len(self.sizes),
                    dropped=self.dropped,
                    content=file.read(size).decode(errors="replace"),
                )


class LogFolder:
    """Keep logs until they are told; ``changed`` is set when there is one more."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self.changed = asyncio.Event()
        self.changed.set()

    def store(self, epoch: int, console: str, ring: Ring) -> None:
        """Store what a job's console said until it was cut off; call it in a thread.

        Raises StoreError.
        """
        begin, stop = ring.began, ring.floor
        dropped = max(0, ring.oldest - begin)
        pieces = ring.pieces(begin, stop, CHUNK - PIECE_HEAD)
        # One that said nothing has a log too, which tells that.
        packed = [pack_chunk(each) for each in _chunks(pieces)] or [pack_chunk(())]
        chunks = [chunk.encode() for chunk in packed]
        head = {"dropped": dropped, "sizes": [len(chunk) for chunk in chunks]}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{epoch}.{console}.log"
        write_durably(path, json.dumps(head).encode() + b"\n" + b"".join(chunks))
        self._bound()

    def pending(self) -> list[StoredLog]:
        """Return the logs that the farm does not have, the oldest first; damaged ones are gone."""
        found = []
        for epoch, console, path in self._paths():
            try:
                with path.open("rb") as file:
                    head = json.loads(file.readline())
                    sizes = tuple(int(size) for size in head["sizes"])
                    log = StoredLog(
                        path=path,
                        epoch=epoch,
                        console=console,
                        dropped=int(head["dropped"]),
                        sizes=sizes,
                        offset=file.tell(),
                    )
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.error("%s is damaged and is given up: %s", path, error)
                path.unlink(missing_ok=True)
                continue
            found.append(log)
        return found

    def remove(self, log: StoredLog) -> None:
        """Forget a log: the farm has it, or will not have it."""
        log.path.unlink(missing_ok=True)

    def _bound(self) -> None:
        paths = self._paths()
        total = sum(path.stat().st_size for _, _, path in paths)
        for epoch, console, path in paths[:-1]:
            if total <= self._most:
                return
            total -= path.stat().st_size
            path.unlink()
            logger.warning(
                "epoch %d: the log of %s is given up: the farm took none for so long",
                epoch,
                console,
            )

    def _paths(self) -> list[tuple[int, str, Path]]:
        if not self._folder.is_dir():
            return []
        found = [(path, _NAME.fullmatch(path.name)) for path in self._folder.iterdir()]
        return sorted((int(name[1]), name[2], path) for path, name in found if name)


def _chunks(pieces: Iterable[ConsolePiece]) -> Iterator[list[ConsolePiece]]:
    waiting: list[ConsolePiece] = []
    length = 0
    for piece in pieces:
        size = PIECE_HEAD + len(piece.data)
        if waiting and length + size > CHUNK:
            yield waiting
            waiting, length = [], 0
        waiting.append(piece)
        length += size
    if waiting:
        yield waiting
