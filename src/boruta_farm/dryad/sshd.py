"""The board's SSH server, as anybody sees it who connects."""

import asyncio
from typing import Final

from boruta_farm.model.errors import BoardError

ANSWER_WITHIN: Final = 5.0
_PREFIX: Final = b"SSH-"
_LONGEST: Final = 256
_HERE: Final = "127.0.0.1"


async def read_banner(address: str) -> str:
    """Connect and return the server's greeting, such as ``SSH-2.0-OpenSSH_9.2p1``.

    ``address`` is ``HOST:PORT``; without a host it is this machine. Raises BoardError.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or _HERE
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(host, int(port), limit=_LONGEST)
            try:
                banner = await reader.readuntil(b"\n")
            finally:
                writer.close()
                await writer.wait_closed()
    except TimeoutError as error:
        raise BoardError(
            f"sshd at {host} port {port} does not answer within {ANSWER_WITHIN:g} s"
        ) from error
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise BoardError(
            f"sshd at {host} port {port} takes no connection: {error}; check that it runs"
        ) from error
    if not banner.startswith(_PREFIX):
        raise BoardError(f"port {port} of {host} is not served by SSH")
    return banner.decode("ascii", errors="replace").strip()
