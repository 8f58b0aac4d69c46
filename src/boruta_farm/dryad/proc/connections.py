"""Connections that somebody outside has made to this machine, and whose processes hold them."""

import contextlib
import os
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from boruta_farm.dryad.proc.processes import PROC, find_owned

_LISTENS: Final = "0A"
_STANDS: Final = "01"
_LOOKED_AT: Final = 64
"""Open files of a process that are looked at, the lowest first: an SSH server's has its connection
among them. A user may open half a million in each of his."""

_GONE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


class _Row(NamedTuple):
    near: int
    far: int
    state: str
    inode: str


def held_from(uids: Container[int]) -> frozenset[int]:
    """Return the far ports of connections to a service here that processes of these uids hold.

    An SSH server hands the connection of whoever has signed in to a process of that user; before,
    none of his holds it. Connections that the user makes himself do not count, nor those that he
    hides behind other open files. It takes root.
    """
    rows = [row for table in ("tcp", "tcp6") for row in _rows(PROC / "net" / table)]
    services = {row.near for row in rows if row.state == _LISTENS}
    standing = {
        f"socket:[{row.inode}]": row.far
        for row in rows
        if row.state == _STANDS and row.near in services
    }
    if not standing:
        return frozenset()
    held = (link for process, _ in find_owned(uids) for link in _links(process.pid))
    return frozenset(standing[link] for link in held if link in standing)


def _rows(table: Path) -> Iterator[_Row]:
    try:
        lines = table.read_text().splitlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        _, near, far, state, _, _, _, _, _, inode, *_ = line.split()
        yield _Row(_port(near), _port(far), state, inode)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _links(pid: int) -> Iterator[str]:
    """Yield what the first file descriptors of a process lead to."""
    with contextlib.suppress(*_GONE), os.scandir(PROC / str(pid) / "fd") as entries:
        for entry in islice(entries, _LOOKED_AT):
            with contextlib.suppress(*_GONE):
                yield str(Path(entry.path).readlink())
