"""The service that shares one controller between the programs of a board.

The original's ``stm`` and ``fota``, our own client and everything that calls them find the
methods they know on two unix sockets: one for root with all of them, one for the group ``stm``
without lights and display. What a caller sends never reaches the serial line as it is.
"""

import logging
import shutil
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from boruta_farm.dryad.stm.errors import ArgumentError, ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.readback import READ_BACK, ReadBackReply
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.gorpc import services
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.routes import RpcPeer, RpcRoute, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer

logger = logging.getLogger(__name__)

USER_GROUP: Final = "stm"
_MODE: Final = 0o660
# The original's clients keep one connection for as long as they run, and a record of the current
# is one reply.
_LIMITS: Final = GobLimits(idle_seconds=None, message=1 << 20, value=1 << 20)

_Word = TypeVar("_Word", bound=StrEnum)


class Service:
    """Answer the methods of ``Interface`` on both sockets until closed.

    The controller behind it is not closed: it belongs to the caller.
    """

    def __init__(self, interface: Interface) -> None:
        user = _user_routes(interface)
        self._admin = RpcServer([*user, *_admin_routes(interface)], limits=_LIMITS)
        self._user = RpcServer(user, limits=_LIMITS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def listen(self, admin: Path, user: Path, *, group: str = USER_GROUP) -> None:
        """Make the two sockets and listen; sockets left by a dead service are replaced.

        Where the system lacks the group, the user's socket is root's alone, which is logged.
        Raises ``ControllerError`` when one cannot be made, as while another service lives.
        """
        for server, path in ((self._admin, admin), (self._user, user)):
            try:
                await server.listen_unix(path, mode=_MODE)
            except OSError as error:
                raise ControllerError(
                    f"cannot listen on {path}: {error.strerror or error}; if another service has "
                    "it, stop stm.socket, stm-user.socket and stm.service"
                ) from error
        try:
            shutil.chown(user, group=group)
        except LookupError:
            logger.warning("there is no group %r: only root can use %s", group, user)

    async def listen_sockets(self, admin: socket.socket, user: socket.socket) -> None:
        """Listen on sockets that systemd made, with the owners and modes of its units."""
        await self._admin.listen_socket(admin)
        await self._user.listen_socket(user)

    async def close(self) -> None:
        """Stop listening, cancel calls in flight and close every connection."""
        await self._admin.close()
        await self._user.close()


def _user_routes(interface: Interface) -> list[RpcRoute]:
    async def power_tick(request: services.PowerTickRequest, _peer: RpcPeer) -> Empty:
        await interface.power_tick(_duration(request.nanoseconds))
        return Empty()

    async def get_current(_request: Empty, _peer: RpcPeer) -> services.CurrentReply:
        return services.CurrentReply(milliamperes=await interface.get_current())

    async def start_current_record(
        request: services.StartCurrentRecordRequest, _peer: RpcPeer
    ) -> Empty:
        await interface.start_current_record(request.samples, _duration(request.nanoseconds))
        return Empty()

    async def get_current_record(_request: Empty, _peer: RpcPeer) -> services.CurrentRecordReply:
        return services.CurrentRecordReply(samples=await interface.get_current_record())

    async def hdmi(request: services.HDMIRequest, _peer: RpcPeer) -> Empty:
        await interface.hdmi(request.on)
        return Empty()

    async def set_dyper(request: services.SetDyPerRequest, _peer: RpcPeer) -> Empty:
        await interface.set_dyper(_word(DyPer, request.dyper, "dyper"), request.on)
        return Empty()

    return [
        route(services.POWER_TICK, power_tick),
        route(services.DUT, _plain(interface.dut)),
        route(services.TS, _plain(interface.ts)),
        route(services.GET_CURRENT, get_current),
        route(services.START_CURRENT_RECORD, start_current_record),
        route(services.STOP_CURRENT_RECORD, _plain(interface.stop_current_record)),
        route(services.GET_CURRENT_RECORD, get_current_record),
        route(services.HDMI, hdmi),
        route(services.SET_DYPER, set_dyper),
    ]


def _admin_routes(interface: Interface) -> list[RpcRoute]:
    async def set_led(request: services.SetLEDRequest, _peer: RpcPeer) -> Empty:
        color = Color(red=request.red, green=request.green, blue=request.blue)
        await interface.set_led(_word(Led, request.led, "LED"), color)
        return Empty()

    async def print_text(request: services.PrintTextRequest, _peer: RpcPeer) -> Empty:
        ink = _word(Ink, request.color, "color")
        await interface.print_text(request.x, request.y, ink, request.text)
        return Empty()

    async def read_back(_request: Empty, _peer: RpcPeer) -> ReadBackReply:
        state = await interface.read_back()
        if state is None:
            raise ControllerError("relay and card cannot be read here")
        return ReadBackReply(power=state.power, card=state.card)

    return [
        route(READ_BACK, read_back),
        route(services.SET_LED, set_led),
        route(services.CLEAR_DISPLAY, _plain(interface.clear_display)),
        route(services.PRINT_TEXT, print_text),
    ]


def _plain(act: Callable[[], Awaitable[None]]) -> Callable[[Empty, RpcPeer], Awaitable[Empty]]:
    async def answer(_request: Empty, _peer: RpcPeer) -> Empty:
        await act()
        return Empty()

    return answer


def _duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds // 1000)


def _word(words: type[_Word], text: str, name: str) -> _Word:
    try:
        return words(text)
    except ValueError as error:
        known = ", ".join(repr(word.value) for word in words)
        raise ArgumentError(f"invalid {name} value: {text!r} (known: {known})") from error
