"""A durable server of our server's parts and nothing else: ``python -m bench.bare --data FOLDER``.

uvloop, httptools, msgspec and SQLite with the same pragmas: it reads a new request, gives it a
number, writes one row, commits what has come together, and answers. So its rate is what these parts
allow.
"""

import argparse
import asyncio
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import httptools
import msgspec
import uvloop

from boruta_farm.store.sqlite import DURABLE
from boruta_farm.store.sqlite_driver import connect

INSERT = "INSERT INTO requests (id, body) VALUES (?, ?)"
CREATED = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


class Filed(msgspec.Struct):
    """Read what a request must say."""

    Caps: dict[str, str]
    Priority: int


class Database:
    """Insert on the loop, commit in a thread: whatever came meanwhile is the next group."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connection = connect(str(path))
        for pragma in DURABLE:
            self._connection.execute(pragma)
        self._connection.execute("CREATE TABLE requests (id INTEGER PRIMARY KEY, body TEXT)")
        self._last = 0
        self._waiting: list[tuple[Line, bytes]] = []
        self._busy = False
        self._groups: SimpleQueue[list[tuple[Line, int]]] = SimpleQueue()
        Thread(target=self._commit, daemon=True).start()

    def file(self, line: "Line", body: bytes) -> None:
        """Have a request written and answered."""
        self._waiting.append((line, body))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._connection.execute("BEGIN IMMEDIATE")
        group = []
        for line, body in waiting:
            self._last += 1
            self._connection.execute(INSERT, (self._last, body.decode()))
            group.append((line, self._last))
        self._groups.put(group)

    def _commit(self) -> None:
        while True:
            group = self._groups.get()
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._answer, group)

    def _answer(self, group: "list[tuple[Line, int]]") -> None:
        for line, number in group:
            body = b'{"ReqID":%d}' % number
            line.transport.write(CREATED % (len(body), body))
        self._busy = bool(self._waiting)
        if self._busy:
            self._loop.call_soon(self._begin)


class Line(asyncio.Protocol):
    """Serve one connection."""

    transport: asyncio.Transport

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._read = msgspec.json.Decoder(Filed).decode

    def connection_made(self, transport: Any) -> None:
        """Remember where answers go."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """File what is whole; an empty one only asks whether anybody serves."""
        if not self._body:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            return
        self._read(self._body)
        self._database.file(self, self._body)


async def serve(data: Path, port: int) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    database = Database(data / "bare.sqlite", loop)
    server = await loop.create_server(partial(Line, database), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.data, options.port))


if __name__ == "__main__":
    main()
