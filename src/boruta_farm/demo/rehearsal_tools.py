"""`boruta demo --once --tools`: a device is switched, watched, flashed, booted, and given back."""

import gzip
import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from boruta_farm.client.openssh import Files, session_files
from boruta_farm.demo.device import DemoDevice
from boruta_farm.demo.farm import DemoFarm
from boruta_farm.demo.rehearsal import Rehearsal
from boruta_farm.demo.steps import must
from boruta_farm.model.worker import AccessInfo

PROMPT: Final = "=> "
SHOWN: Final = 3
"""Lines at most that a step shows of what a device says."""


class ToolsRehearsal(Rehearsal):
    """Operate a device through two jobs."""

    def __init__(self, demo: DemoFarm, device: DemoDevice, say: Callable[[str], None]) -> None:
        super().__init__(demo, say)
        self._device = device
        self.caps = dict(device.board.caps)
        self._said = f"booted-from-the-card-{secrets.token_hex(4)}"

    async def rehearse(self) -> None:
        """Lend the board twice: the second user must find nothing of the first."""
        self._step(f"farm is up; the device is {self._device.words}")
        first = await self._file("to operate its device")
        request = await self._wait(first)
        access = await self._farm.requests.acquire_worker(self._farm.caller, first)
        with session_files(access, None) as files:
            await self._switch(access, files)
            await self._watch(access, files)
            await self._boot(access, files)
        async with self._watching_idle(request) as idle:
            await self._close(first)
            await self._in_time("the board to be cleaned", idle)
        self._step("the board is IDLE again")
        second = await self._file("the next user")
        request = await self._wait(second)
        access = await self._farm.requests.acquire_worker(self._farm.caller, second)
        with session_files(access, None) as files:
            await self._find_clean(access, files)
        async with self._watching_idle(request) as idle:
            await self._close(second)
            await self._in_time("the board to be cleaned", idle)
        await self._check_all_idle()

    async def _switch(self, access: AccessInfo, files: Files) -> None:
        listed = await self._ssh(access, files, "dut")
        for line in listed.decode().splitlines():
            self._step(f"ssh: dut: {line}")
        state = await self._ssh(access, files, "dut power cycle 0s && dut power state")
        must(state.startswith(b"on"), "the device is not on after a power cycle")
        self._step(f"ssh: dut power cycle 0s && dut power state: {state.decode().strip()}")

    async def _watch(self, access: AccessInfo, files: Files) -> None:
        """Have its boot loader at the prompt, and ask it what it is."""
        await self._ssh(access, files, f"dut boot --expect '{PROMPT}' --timeout 50s")
        self._step(f"ssh: dut boot --expect '{PROMPT}': it is at its prompt")
        ask = f"dut console --send 'version\\r' --expect '{self._device.greeting}[^\\r]*\\r'"
        answer = await self._ssh(access, files, f"{ask} --timeout 20s")
        must(self._device.greeting.encode() in answer, "it does not say what it is")
        self._step(f"ssh: {ask}: {answer.decode(errors='replace').split('version')[-1].strip()}")

    async def _boot(self, access: AccessInfo, files: Files) -> None:
        """Make an image, write it to the card, and see it started."""
        image = self._demo.folder / "card.img.gz"
        image.write_bytes(gzip.compress(self._device.image(self._said)))
        board = f"{access.username}@{access.host}:card.img.gz"
        await self._scp(access, files, str(image), board)
        await self._ssh(access, files, "dut flash card.img.gz")
        self._step("ssh: dut flash card.img.gz: written, read back, and given to the device")
        await self._ssh(access, files, f"dut boot --expect '{self._said}' --timeout 50s")
        self._step(f"ssh: dut boot --expect '{self._said}': it said so")

    async def _find_clean(self, access: AccessInfo, files: Files) -> None:
        """See that the next user finds neither the card's content nor what the console said."""
        state = await self._ssh(access, files, "dut power state")
        must(state.startswith(b"off"), "the next user finds the device switched on")
        self._step(f"the next user finds the device {state.decode().strip()}")
        log = await self._ssh(access, files, "dut console --log")
        must(self._said.encode() not in log, "the next user reads the console of the first")
        self._step(f"his console's log has {len(log)} bytes, none of the first user's")
        empty = hashlib.sha256(bytes(self._device.card_size)).hexdigest()
        found = await self._ssh(access, files, "dut save - 2>/dev/null | sha256sum")
        must(found.decode().startswith(empty), "the card is not empty")
        self._step(f"his card is empty: sha256 {empty[:12]}... of {self._device.card_size} zeros")
