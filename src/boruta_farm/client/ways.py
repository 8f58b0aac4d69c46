"""Which way to a board's ssh works from here, found by trying (issue 14).

Several are tried at once, each a little after the one before it, as RFC 8305 has it for addresses;
the first that answers is taken, and remembered for the farm. Laptops change networks, so what is
remembered is tried again, only sooner than others.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from boruta_farm.client.credentials import replace_private
from boruta_farm.client.last import state_path
from boruta_farm.client.openssh import find_ssh
from boruta_farm.client.way import DIRECT, BoardWay, door_way, https_way
from boruta_farm.model.errors import BorutaError, ConfigError, UnavailableError
from boruta_farm.model.via import Via
from boruta_farm.model.worker import AccessInfo
from boruta_farm.settings.files import parse_json, read_bounded
from boruta_farm.settings.kinds import Named, Text
from boruta_farm.settings.table import SettingError

if TYPE_CHECKING:
    from boruta_farm.client.config import ClientConfig
    from boruta_farm.client.farm import Farm

log = logging.getLogger(__name__)

HEAD_START: Final = 0.25
"""Seconds that a way has before the next one is tried as well."""
ANSWERS_WITHIN: Final = 5.0
FILE: Final = "ways.json"
MOST_FARMS: Final = 50
BANNER: Final = b"SSH-"
GREETING: Final = 255

FARMS = Named(Text())

Try = Callable[[], Awaitable[BoardWay]]


async def find_way(
    farm: "Farm", request_id: int, access: AccessInfo, via: Via = Via.AUTO
) -> BoardWay:
    """Return the way to the board of a running request.

    ``auto`` finds one that works; where none does it is the board's own port, so that ssh tells
    what is wrong. Another is taken as it is. Raises NotFoundError for a farm without a door,
    ConfigError, and UnavailableError where this farm has only its own port.
    """
    config = farm.config
    if via is Via.TUNNEL or (via is Via.AUTO and config is None):
        return DIRECT
    if config is None:
        raise UnavailableError("this farm is reached within this process; use --via tunnel")
    if via is Via.HTTPS:
        return https_way(config, request_id)
    if via is Via.DOOR:
        return await _door(farm, config, request_id)
    path = _ways_path()
    before = _recall(path).get(config.server)
    tries: dict[Via, Try] = {
        Via.TUNNEL: lambda: _try_tunnel(access),
        Via.HTTPS: lambda: _try_https(config, request_id),
        Via.DOOR: lambda: _try_door(farm, config, request_id),
    }
    together = [Via.TUNNEL] + [each for each in (Via.HTTPS, Via.DOOR) if each == before]
    rest = [each for each in tries if each not in together]
    found = await first_of([[tries[each] for each in together], *([tries[each]] for each in rest)])
    if found is None:
        return DIRECT
    if found.via != (before or Via.TUNNEL):
        _remember(path, config.server, found.via)
    return found


async def first_of(steps: list[list[Try]], head_start: float = HEAD_START) -> BoardWay | None:
    """Try ways until one works; None where none does.

    Those of a step are tried at once; the next step begins when its head start is over, or when
    all before it have failed.
    """
    waiting: set[asyncio.Task[BoardWay]] = set()
    left = list(steps)
    try:
        while left or waiting:
            if left:
                waiting |= {asyncio.ensure_future(attempt()) for attempt in left.pop(0)}
            over = asyncio.get_running_loop().time() + head_start
            while waiting:
                within = over - asyncio.get_running_loop().time() if left else None
                done, waiting = await asyncio.wait(
                    waiting,
                    timeout=None if within is None else max(within, 0),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for each in done:
                    error = each.exception()
                    if error is None:
                        return each.result()
                    if not isinstance(error, BorutaError | OSError):
                        raise error
                    log.debug("a way to the board does not work: %s", error)
                if not done:
                    break
        return None
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _try_tunnel(access: AccessInfo) -> BoardWay:
    """See that the board's port can be reached, without troubling the board."""
    async with asyncio.timeout(ANSWERS_WITHIN):
        _, writer = await asyncio.open_connection(access.host, access.port)
    writer.transport.abort()
    return DIRECT


async def _try_https(config: "ClientConfig", request_id: int) -> BoardWay:
    from websockets.exceptions import ConnectionClosed

    from boruta_farm.client.tunnel import ended, tunnel

    async with asyncio.timeout(ANSWERS_WITHIN), tunnel(config, request_id) as connection:
        try:
            await connection.recv(decode=False)
        except ConnectionClosed as closed:
            ended(closed)
            raise UnavailableError("the board hung up") from None
    return https_way(config, request_id)


async def _try_door(farm: "Farm", config: "ClientConfig", request_id: int) -> BoardWay:
    way = await _door(farm, config, request_id)
    place = await farm.front_door()
    async with asyncio.timeout(ANSWERS_WITHIN):
        reader, writer = await asyncio.open_connection(_host(config), place.port, limit=GREETING)
        try:
            greeting = await reader.readline()
        except ValueError:
            greeting = b""
        finally:
            writer.transport.abort()
    if not greeting.startswith(BANNER):
        raise UnavailableError("what answers at the front door's port speaks no ssh")
    return way


async def _door(farm: "Farm", config: "ClientConfig", request_id: int) -> BoardWay:
    return door_way(find_ssh(), _host(config), await farm.front_door(), request_id)


def _host(config: "ClientConfig") -> str:
    return urlsplit(config.server).hostname or ""


def _ways_path() -> Path | None:
    last = state_path()
    return None if last is None else last.with_name(FILE)


def _recall(path: Path | None) -> Mapping[str, str]:
    """Return which way worked for which farm; what cannot be read is only slower to find again."""
    if path is None:
        return {}
    try:
        return FARMS.read(parse_json(read_bounded(path)))
    except (OSError, SettingError) as error:
        if not isinstance(error, FileNotFoundError):
            log.debug("%s cannot be read: %s", path, error)
        return {}


def _remember(path: Path | None, server: str, via: Via) -> None:
    if path is None:
        return
    kept = dict(_recall(path))
    kept.pop(server, None)
    kept[server] = via.value
    text = json.dumps(dict(list(kept.items())[-MOST_FARMS:]), indent=2)
    try:
        replace_private(path, text, "which way leads to boards", "XDG_STATE_HOME")
    except ConfigError as error:
        log.debug("it is not remembered: %s", error)
