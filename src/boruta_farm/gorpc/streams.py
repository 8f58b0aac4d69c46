"""What both ends do with a connection of asyncio."""

import asyncio
import logging

logger = logging.getLogger(__name__)


async def close_stream(writer: asyncio.StreamWriter, seconds: float) -> None:
    """Close a connection; give a peer this long to take what was written for it."""
    writer.close()
    try:
        async with asyncio.timeout(seconds):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError as error:
        logger.debug("a connection was gone before it was closed: %s", error)
