"""Stand-ins for what drivers talk to: a web server, and programs of the system."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boruta_farm.dryad.tools.base import Tool, ToolDriver
from boruta_farm.settings.declaration import read
from boruta_farm.settings.table import Table
from tests.dryad.tools.benches import bench


def opened(driver: ToolDriver[Any], place: Path, /, **content: object) -> Tool:
    """Return the tool of a table. Raises ConfigError."""
    settings = read(driver.settings, Table(place="f.conf", path="tools.it", content=content))
    return driver.open(settings, bench(place))


@dataclass(slots=True)
class WebDevice:
    """A device with a web server: what it answers by path, and what it was asked."""

    url: str = ""
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = head[0].split(" ")[1]
        self.asked.append(path)
        self.headers.append(dict(line.split(": ", 1) for line in head[1:] if line))
        answer = self.answers.get(path)
        if answer is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno such")
        elif answer.startswith((b"HTTP/", b"SSH-")):
            writer.write(answer)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def web_device() -> AsyncIterator[WebDevice]:
    """Serve one for the block."""
    device = WebDevice()
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield device
    finally:
        server.close()
        await server.wait_closed()


def program(folder: Path, name: str, text: str) -> str:
    """Write a shell script that stands for a program, and return its path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncd {folder}\n{text}\n")
    path.chmod(0o755)
    return str(path)
