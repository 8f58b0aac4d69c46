"""A machine that QEMU emulates: it runs while the device has power, and never without the agent."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from boruta_farm.dryad.commands import PATH, lines_of
from boruta_farm.dryad.tools.drivers.qemu_monitor import QemuMonitor
from boruta_farm.dryad.tools.programs import Words, tied
from boruta_farm.model.errors import BoardError

KEPT: Final = 4096
CARD: Final = "card"
READER: Final = "reader"
NOTHING: Final = "nothing"
_READER: Final = (
    *("-blockdev", f"null-co,node-name={NOTHING},read-zeroes=on"),
    *("-device", "usb-ehci"),
    *("-device", "usb-bot,id=bot"),
    *("-device", f"scsi-hd,bus=bot.0,id={READER},drive={NOTHING},removable=on"),
)
"""A reader of cards must be made with one in it."""

_ALWAYS: Final = (
    *("-no-user-config", "-nodefaults", "-nic", "none", "-display", "none", "-S"),
    *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
)
"""The device runs what its user has written to the card: it gets nothing of this machine."""


_WITH_THE_AGENT: Final = ("/bin/sh", "-c", '[ "$PPID" = "$0" ] && exec nice -n 10 "$@"')
"""Nothing runs when the agent has died before QEMU was tied to it; a boot loader that waits takes
all of a core, but of what is left."""


class QemuMachine:
    """What the tools of one board act on.

    ``words`` are QEMU and the machine, ``line`` is where its first serial port leads, ``card`` the
    file that stands for its card; ``inserted`` tells whether the device has it.
    """

    def __init__(self) -> None:
        self.words: Words = ()
        self.line: socket.socket | None = None
        self.card: Path | None = None
        self.inserted = False
        self._held = False
        self._process: asyncio.subprocess.Process | None = None
        self._telling: asyncio.Task[bytes] | None = None
        self._monitor: QemuMonitor | None = None
        self._turn = asyncio.Lock()

    @property
    def on(self) -> bool:
        """Tell whether it runs; a device that has switched itself off does not."""
        return self._process is not None and self._process.returncode is None

    def check(self) -> None:
        """Raise BoardError when none of the tools says what the machine is."""
        if not self.words:
            raise BoardError("it is a part of no machine; declare one of the kind power, too")

    async def start(self) -> None:
        """Give it power. Raises BoardError with QEMU's words where it cannot run."""
        async with self._turn:
            if self.on:
                return
            await self._end()
            try:
                self._monitor = await self._run()
                if self.card is not None:
                    await self._pull_out(self._monitor, NOTHING)
                    if self.inserted:
                        await self._put_in(self._monitor)
                if not self._held:
                    await self._monitor.do("cont")
            except BaseException:
                await self._end()
                raise

    async def stop(self) -> None:
        """Take the power away, as suddenly as a switch does."""
        async with self._turn:
            await self._end()

    async def hold(self, held: bool) -> None:
        """Press its reset button, or let it go: then it starts from the beginning."""
        async with self._turn:
            released, self._held = self._held and not held, held
            if self.on and self._monitor is not None:
                if held:
                    await self._monitor.do("stop")
                elif released:
                    await self._monitor.do("system_reset")
                    await self._monitor.do("cont")

    async def insert(self, inserted: bool) -> None:
        """Put the card in, or pull it out, whether the device runs or not. Raises BoardError."""
        async with self._turn:
            before = self.inserted
            # Called off half-way, it counts as being in: then nobody writes to it here.
            self.inserted = True
            if self.on and self._monitor is not None and inserted is not before:
                if inserted:
                    await self._put_in(self._monitor)
                else:
                    await self._pull_out(self._monitor, CARD)
            self.inserted = inserted

    async def ask(self, command: str, **arguments: object) -> Any:
        """Have QEMU do something. Raises BoardError, also while the device is off."""
        if not self.on or self._monitor is None:
            raise BoardError("the device is off; switch its power on")
        return await self._monitor.do(command, **arguments)

    async def _run(self) -> QemuMonitor:
        ours, theirs = socket.socketpair()
        with theirs:
            files = [theirs.fileno()]
            words = (*_ALWAYS, *_channel("monitor", theirs), "-mon", "chardev=monitor,mode=control")
            if self.line is not None:
                _drain(self.line)
                files.append(self.line.fileno())
                words += (*_channel("line", self.line), "-serial", "chardev:line")
            if self.card is not None:
                words += _READER
            try:
                process = await asyncio.create_subprocess_exec(
                    *tied((*_WITH_THE_AGENT, str(os.getpid()), *self.words, *words)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    pass_fds=files,
                    start_new_session=True,
                    cwd="/",
                    env={"PATH": PATH, "LANG": "C.UTF-8"},
                )
            except BaseException as error:
                ours.close()
                if isinstance(error, OSError):
                    raise BoardError(f"QEMU cannot be started: {error.strerror}") from error
                raise
        assert process.stderr is not None
        self._process = process
        self._telling = asyncio.create_task(_last_words(process.stderr))
        try:
            return await QemuMonitor.greet(ours)
        except (BoardError, ConnectionError):
            told = ": ".join(["QEMU does not run", *lines_of(await self._telling)[-1:]])
            raise BoardError(told) from None

    async def _put_in(self, monitor: QemuMonitor) -> None:
        file = {"driver": "file", "filename": str(self.card)}
        await monitor.do("blockdev-add", **{"node-name": CARD, "driver": "raw", "file": file})
        await monitor.do("blockdev-insert-medium", **{"id": READER, "node-name": CARD})
        await monitor.do("blockdev-close-tray", id=READER)

    async def _pull_out(self, monitor: QemuMonitor, medium: str) -> None:
        await monitor.do("blockdev-open-tray", id=READER, force=True)
        await monitor.do("blockdev-remove-medium", id=READER)
        await monitor.do("blockdev-del", **{"node-name": medium})

    async def _end(self) -> None:
        process, self._process = self._process, None
        monitor, self._monitor = self._monitor, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if monitor is not None:
            await monitor.close()


async def _last_words(stream: asyncio.StreamReader) -> bytes:
    last = b""
    while piece := await stream.read(KEPT):
        last = (last + piece)[-KEPT:]
    return last


def _channel(name: str, connection: socket.socket) -> Words:
    return ("-chardev", f"socket,id={name},fd={connection.fileno()}")


def _drain(line: socket.socket) -> None:
    """Forget what was sent to a device without power, as a wire does."""
    with contextlib.suppress(BlockingIOError):
        while line.recv(65536, socket.MSG_DONTWAIT):
            pass


_MACHINES: Final[WeakValueDictionary[str, QemuMachine]] = WeakValueDictionary()


def qemu_machine(board: str) -> QemuMachine:
    """Return the machine of a board, which lives as long as a tool of it."""
    return _MACHINES.setdefault(board, QemuMachine())
