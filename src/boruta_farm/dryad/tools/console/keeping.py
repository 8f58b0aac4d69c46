"""The agent's end of the keeper of consoles: start it, find it again, look at what it keeps."""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import select
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from boruta_farm import __version__
from boruta_farm.dryad.tools.console.keeper import MESSAGE, READY, SOCKET
from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.dryad.tools.door import PeerProcess
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

GRACE: Final = 600.0
"""Seconds for which the keeper waits for an agent that was killed."""

LARGEST_WRITE: Final = 1024
"""Bytes at a time: even at 1200 baud they have gone long before the answer is missed."""

START_WITHIN: Final = 15.0
ANSWER_WITHIN: Final = 30.0
GONE_WITHIN: Final = 5.0
AGAIN: Final = 1.0
_SOURCES: Final = Path(__file__).parents[4]
# The user's settings (-I) do not count; foreign packages (no -S) may bring openers.
_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from boruta_farm.dryad.tools.console.keeper import main; main(sys.argv[2])"
)


class KeptConsole:
    """One console as the keeper holds it: its ring, and a connection to ask for what changes it."""

    def __init__(self, name: str, connection: socket.socket, changed: Callable[[], None]) -> None:
        """Attach to a console. Raises OSError."""
        self._name = name
        self._connection = connection
        self._turn = asyncio.Lock()
        connection.sendall(_message({"do": "attach", "name": name}))
        answer, files, _, _ = socket.recv_fds(connection, MESSAGE, 2)
        if len(files) != 2:
            raise ConnectionError(f"the keeper does not show {name}: {answer[:200]!r}")
        ring, self._news = files
        self.ring = Ring(ring)
        self._changed = changed
        connection.setblocking(False)
        asyncio.get_running_loop().add_reader(self._news, self._look)

    async def write(self, data: bytes) -> None:
        """Send bytes to the device. Raises BoardError."""
        for start in range(0, len(data), LARGEST_WRITE):
            await self._ask({"do": "write"}, data[start : start + LARGEST_WRITE])

    async def send_break(self) -> None:
        """Send a break. Raises BoardError."""
        await self._ask({"do": "break"})

    async def cut(self) -> None:
        """Let nobody read what has come until now, the port's own buffer too. Raises BoardError."""
        await self._ask({"do": "cut"})

    def close(self) -> None:
        """Let go; the keeper reads on."""
        asyncio.get_running_loop().remove_reader(self._news)
        os.close(self._news)
        self._connection.close()
        self.ring.close()

    def _look(self) -> None:
        # Another agent that is going may have read it first.
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._news)
        self._changed()

    async def _ask(self, asked: Mapping[str, object], data: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            # Shielded: an answer that nobody takes would be the next one's.
            answer = await asyncio.shield(
                loop.create_task(self._exchange(_message({**asked, "name": self._name}) + data))
            )
        if answer.get("error"):
            raise BoardError(str(answer["error"]))

    async def _exchange(self, message: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await loop.sock_sendall(self._connection, message)
                answer = await loop.sock_recv(self._connection, MESSAGE)
        except (OSError, TimeoutError) as error:
            raise BoardError(f"the keeper of consoles does not answer: {error}") from error
        if not answer:
            raise BoardError("the keeper of consoles has gone; it is started again")
        found: dict[str, Any] = json.loads(answer)
        return found


class ConsoleKeeper:
    """Keep a keeper running that holds the consoles of one board.

    ``attached`` is told each console anew whenever a keeper was found or started.
    """

    def __init__(
        self,
        folder: Path,
        places: Mapping[str, PortPlace],
        attached: Callable[[str, socket.socket], None],
        grace: float = GRACE,
    ) -> None:
        self._folder = folder
        ports = {name: asdict(place) for name, place in places.items()}
        known = json.dumps([__version__, sys.executable, ports], sort_keys=True)
        self._names = tuple(ports)
        self._told = {
            "fingerprint": hashlib.sha256(known.encode()).hexdigest(),
            "grace": grace,
            "ports": ports,
        }
        self._attached = attached
        self._watch: socket.socket | None = None
        self._watching: asyncio.Task[None] | None = None
        self.pid = 0

    async def start(self) -> None:
        """Find the keeper that an earlier agent left, or start one; what fails is tried again.

        Raises BoardError when one of other settings does not let go of the ports.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._find()
        if self._watch is not None:
            self._attach()
        else:
            await self._begin()
        self._watching = asyncio.get_running_loop().create_task(self._keep_running())

    async def close(self, *, leave: bool) -> None:
        """Let go of the keeper; unless it is left to the next agent, it ends and closes the ports.

        Raises BoardError when it does not end.
        """
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._watch is not None:
            if not leave:
                await self._end(self._watch)
            self._watch.close()
            self._watch = None

    async def end_left(self) -> None:
        """End the keeper that was left to an agent that will not come, if there is one.

        Raises BoardError when it does not end.
        """
        try:
            connection = self._connect()
        except OSError:
            return
        with contextlib.closing(connection):
            await self._end(connection)

    async def _find(self) -> None:
        """Take up a keeper of the same consoles; one of others is ended."""
        try:
            connection = self._connect()
        except OSError:
            return
        try:
            connection.sendall(_message({"do": "hello"}))
            answer = json.loads(connection.recv(MESSAGE) or b"{}")
        except (OSError, ValueError):
            answer = {}
        if answer.get("fingerprint") == self._told["fingerprint"]:
            self._watch = connection
            return
        logger.warning("consoles: their settings have changed; the ports are opened anew")
        await self._end(connection)
        connection.close()

    async def _spawn(self) -> None:
        log = self._folder / "keeper.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-c", _BOOT, str(_SOURCES), str(self._folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
            )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(self._told).encode())
            process.stdin.close()
            async with asyncio.timeout(START_WITHIN):
                if await process.stdout.readline() != READY:
                    last = log.read_text(errors="replace").strip().splitlines()[-1:]
                    raise OSError("; ".join(last) or "it ended at once")
            self._watch = self._connect()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            # The one that was started ends by itself once its child is ready.
            await process.wait()

    def _attach(self) -> None:
        assert self._watch is not None
        self.pid = PeerProcess.of(self._watch).pid
        for name in self._names:
            self._attached(name, self._connect())

    async def _keep_running(self) -> None:
        """Start another keeper when this one is gone: killed, or out of memory."""
        loop = asyncio.get_running_loop()
        while True:
            if self._watch is not None:
                self._watch.setblocking(False)
                try:
                    await loop.sock_recv(self._watch, 1)
                except OSError as error:
                    logger.info("consoles: %s", error)
                self._watch.close()
                self._watch = None
                logger.error("consoles: their keeper is gone, and with it what it had read")
            if not await self._begin():
                await asyncio.sleep(AGAIN)

    async def _begin(self) -> bool:
        try:
            await self._spawn()
            self._attach()
        except (OSError, TimeoutError) as error:
            logger.error("consoles: the keeper cannot be started: %s", error)
            return False
        return True

    async def _end(self, connection: socket.socket) -> None:
        """Have a keeper end and wait until its ports are free. Raises BoardError."""
        try:
            handle = os.pidfd_open(PeerProcess.of(connection).pid)
        except ProcessLookupError:
            return
        try:
            connection.setblocking(True)
            with contextlib.suppress(OSError):
                connection.sendall(_message({"do": "quit"}))
            if not await asyncio.to_thread(_readable, handle, GONE_WITHIN):
                raise BoardError("consoles: their keeper does not end; end it by hand")
        finally:
            os.close(handle)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # The path of a socket is limited to 107 bytes: go through a descriptor of the folder.
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.settimeout(GONE_WITHIN)
            connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(folder)
        return connection


def _message(words: Mapping[str, object]) -> bytes:
    return json.dumps(words).encode() + b"\n"


def _readable(file: int, within: float) -> bool:
    return bool(select.select((file,), (), (), within)[0])
