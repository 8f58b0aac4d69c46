"""What is done with the device's network: its ports told and reached, files served to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

from boruta_farm.dryad.tools.acts.arguments import text
from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.kind import Act, ActCall, Kind, PlainTable, ToolKind
from boruta_farm.dryad.tools.kinds.net import Net

_PIECE: Final = 64 * 1024


async def _ports(tool: Net, _: PlainTable, __: ActCall) -> Mapping[str, object]:
    return {"ports": dict(tool.ports())}


async def _connect(tool: Net, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    """Carry bytes both ways until the device has closed its side."""
    wanted, known = text(call.arguments, "port"), tool.ports()
    if wanted not in known:
        raise ActError(f"there is no port {wanted!r}, only {', '.join(known) or 'none'}")
    reader, writer = await tool.connect(wanted)
    sending = asyncio.create_task(_send(call, writer))
    try:
        while data := await reader.read(_PIECE):
            await call.send(data)
    except ConnectionError as error:
        raise ActError(f"the device ended the connection: {error.strerror or error}") from None
    finally:
        # Closed before anything is waited for: who has gone may call the act off in this very wait.
        sending.cancel()
        writer.close()
        await asyncio.gather(sending, return_exceptions=True)
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return {}


async def _send(call: ActCall, writer: asyncio.StreamWriter) -> None:
    while data := await call.receive():
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _publish(tool: Net, _: PlainTable, call: ActCall) -> Mapping[str, object]:
    name = text(call.arguments, "name")
    if not name or "/" in name or name.startswith(".") or not name.isprintable():
        raise ActError(f"{name!r} is no file's name")
    return {"address": await tool.publish(name, _content(call))}


async def _content(call: ActCall) -> AsyncIterator[bytes]:
    while data := await call.receive():
        yield data


async def _withdraw(tool: Net, _: PlainTable, __: ActCall) -> Mapping[str, object]:
    return {"names": list(await tool.withdraw())}


async def _look(tool: Net, _: PlainTable) -> str:
    return ", ".join(tool.ports())


async def _reset(tool: Net, _: PlainTable) -> bool:
    await tool.withdraw()
    return True


NET: Final = ToolKind(
    kind=Kind.NET,
    protocol=Net,
    acts=(
        Act(verb="ports", perform=_ports, alone=False),
        Act(verb="connect", perform=_connect, limit=None, alone=False, streams=True),
        Act(verb="publish", perform=_publish, limit=None, streams=True),
        Act(verb="withdraw", perform=_withdraw),
    ),
    look=_look,
    reset=_reset,
)
