"""The server's end of a relay's socket, and how a relay is started."""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.access import handover, messages, rendezvous
from boruta_farm.access.detached import start_detached
from boruta_farm.access.messages import LINE_LIMIT, Message, decode, encode
from boruta_farm.access.relay import NAME_TAKEN
from boruta_farm.access.relaylog import LOG
from boruta_farm.model.errors import ProtocolError, UnavailableError

GREET_WITHIN = 5.0
STOP_WITHIN = 20.0
MOST_UNSENT = 16 * 1024 * 1024
"""Bytes that may wait for a relay that does not read; it gets the full set when it does."""


class HungRelayError(UnavailableError):
    """the relay does not answer; its process is stopped or hangs"""

    code = "relay-hangs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Tell what a relay held for a worker when it greeted."""

    port: int
    epoch: int


class RelayLink:
    """Talk to one relay process; ``told`` is set once it was sent a full wanted set."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.version = ""
        self.pid = 0
        self.takes_sessions = False
        self.holds: dict[str, Held] = {}
        self.told = False
        self._reader = reader
        self._writer = writer
        self._unsent: list[bytes] = []

    @classmethod
    async def open(cls, folder: Path, name: str = rendezvous.SOCKET) -> "RelayLink":
        """Connect and be greeted.

        Raises OSError when nobody listens, HungRelayError when nobody greets, UnavailableError.
        """
        caller = rendezvous.call(folder, name)
        reader, writer = await asyncio.open_unix_connection(sock=caller, limit=LINE_LIMIT)
        link = cls(reader, writer)
        try:
            async with asyncio.timeout(GREET_WITHIN):
                await link._be_greeted()
        except TimeoutError:
            await link.close()
            raise HungRelayError(
                f"the relay at {folder / name} does not answer; its process is stopped or hangs"
            ) from None
        except BaseException:
            await link.close()
            raise
        return link

    async def _be_greeted(self) -> None:
        hello = await self.next()
        if hello is None or hello.kind != messages.HELLO:
            raise UnavailableError("the relay hung up without a greeting")
        self.version = hello.text("version")
        self.pid = hello.whole("pid")
        self.takes_sessions = hello.fields.get(messages.SESSIONS) is True
        for _ in range(hello.whole("held")):
            held = await self.next()
            if held is None or held.kind != messages.HOLDS:
                raise UnavailableError("the relay hung up in its greeting")
            self.holds[held.text("worker")] = Held(
                port=held.whole("port"), epoch=held.whole("epoch")
            )

    async def next(self) -> Message | None:
        """Return the relay's next message, None when it is gone. Raises ProtocolError."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        except ValueError:
            raise ProtocolError("relay protocol: a line is too long") from None
        return decode(line) if line.endswith(b"\n") else None

    def send(self, line: bytes) -> None:
        """Send one line, without waiting; a relay that reads nothing is hung up on.

        Lines of one moment leave together: sending wakes the relay up.
        """
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(line)

    def _flush(self) -> None:
        lines, self._unsent = self._unsent, []
        if not lines or self._writer.is_closing():
            return
        self._writer.write(b"".join(lines))
        if self._writer.transport.get_write_buffer_size() > MOST_UNSENT:
            self._writer.transport.abort()

    def tell(self, kind: str, **fields: messages.Value) -> None:
        """Send one message, without waiting."""
        self.send(encode(kind, **fields))

    async def close(self) -> None:
        """Hang up; what is live at the relay goes on."""
        self._flush()
        if self._writer.transport.get_write_buffer_size():
            # It does not read: waiting until it has read all would wait for ever.
            self._writer.transport.abort()
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            # The relay hung up first: closed is closed.
            return


async def start_relay(folder: Path) -> None:
    """Start a relay in a session of its own and return when it listens.

    One that another server has started meanwhile is as good. Raises UnavailableError.
    """
    await start_detached(
        "relay",
        ("-m", "boruta_farm.access.relay", "--data", str(folder), "--detach"),
        folder / LOG,
        (0, NAME_TAKEN),
    )


async def end_relay(pid: int | None) -> None:
    """End a relay that hangs, by its process; return when it is gone.

    Whoever calls has seen that it lives, so that no other process has its number. What it
    carried stood still with it. Raises HungRelayError when it may not be ended.
    """
    if pid is None:
        raise HungRelayError("the relay does not answer, and did not tell its process; end it")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        await _gone(handle)
    except ProcessLookupError:
        return
    except PermissionError:
        raise HungRelayError(
            f"relay {pid} does not answer, and this server may not end it; restart its unit"
        ) from None
    finally:
        os.close(handle)


async def _gone(handle: int) -> None:
    """Wait until a process has ended, which its handle tells by becoming readable."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)


async def stop_relay(folder: Path) -> bool:
    """End every relay of a data folder at once, sessions included; False when there was none."""
    found = False
    for name in (rendezvous.SOCKET, *rendezvous.draining(folder)):
        try:
            link = await RelayLink.open(folder, name)
        except OSError:
            continue
        except HungRelayError:
            await end_relay(rendezvous.holder(folder, name))
            _sweep(folder, name)
            found = True
            continue
        found = True
        try:
            link.tell(messages.STOP)
            async with asyncio.timeout(STOP_WITHIN):
                while await link.next() is not None:
                    pass
        except TimeoutError:
            await end_relay(link.pid)
            _sweep(folder, name)
        finally:
            await link.close()
    return found


def _sweep(folder: Path, name: str) -> None:
    """Remove the sockets that a relay which was killed could not remove itself."""
    for left in (name, handover.SOCKET) if name == rendezvous.SOCKET else (name,):
        rendezvous.sweep(folder, left)
