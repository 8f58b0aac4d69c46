"""A port of this machine that leads to one of a board's supervisor, while a block lasts."""

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from boruta_farm.client.children import end
from boruta_farm.client.way import NOTHING
from boruta_farm.model.errors import BorutaError

HOST: Final = "127.0.0.1"
OPENS_WITHIN: Final = 30.0
HIGHEST_PORT: Final = 65535
# ssh runs it when it has signed in and listens.
_READY: Final = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo")


class ForwardError(BorutaError):
    """a port of the board could not be reached from here"""

    code = "forward-failed"


@asynccontextmanager
async def forwarding(
    line: Callable[[Sequence[str]], Sequence[str]],
    local: int,
    host: str,
    port: int,
    environment: Mapping[str, str] = NOTHING,
) -> AsyncIterator[int]:
    """Have ssh listen on a port of this machine for the block, and yield that; 0 is a free one.

    ``line`` makes the command line from options, and ``environment`` is added to ours for it.
    Raises ForwardError.
    """
    for number in (local, port):
        if not 0 <= number <= HIGHEST_PORT:
            raise ForwardError(f"{number} is no port: ports go up to {HIGHEST_PORT}")
    chosen = local or _free_port()
    told = host if host.startswith("[") or ":" not in host else f"[{host}]"
    lead = f"{HOST}:{chosen}:{told}:{port}"
    options = ("-N", "-o", "ExitOnForwardFailure=yes", *_READY, "-L", lead)
    process = await asyncio.create_subprocess_exec(
        *line(options),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )
    try:
        await _ready(process, lead)
        yield chosen
    finally:
        await end(process)


async def _ready(process: Process, lead: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(OPENS_WITHIN):
            if await process.stdout.readline():
                return
            told = (await process.stderr.read()).decode(errors="replace")
    except TimeoutError:
        told = f"ssh was not there within {OPENS_WITHIN:g} s"
    words = " ".join(told.split()) or "ssh ended"
    raise ForwardError(f"{lead} was not opened: {words}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        chosen: int = probe.getsockname()[1]
        return chosen
