"""`boruta demo --once --driver muxpi`: a device under test switched by its user and taken back."""

import shlex
import sys
from collections.abc import Callable
from typing import Final

from boruta_farm.client.openssh import Files
from boruta_farm.client.watch import Lost
from boruta_farm.demo.emulation import DARK, EmulatedController
from boruta_farm.demo.farm import DemoFarm
from boruta_farm.demo.rehearsal_linux import BOARD, LinuxRehearsal
from boruta_farm.demo.steps import must
from boruta_farm.model.worker import AccessInfo, WorkerState

ADMIN_SOCKET: Final = "/run/stm.socket"
USER_SOCKET: Final = "/run/stm-user.socket"
TOOL: Final = (sys.executable, "-m", "boruta_farm.dryad", "stm")
REASON: Final = "fan is changed"
SHOWN: Final = ("Board STM", "Board DUT power", "Board Card", "Board Tests", "Board Not reset")


class MuxPiRehearsal(LinuxRehearsal):
    """Do what is done with a system user, and switch the device under test besides."""

    def __init__(
        self, demo: DemoFarm, controller: EmulatedController, say: Callable[[str], None]
    ) -> None:
        super().__init__(demo, say)
        self._controller = controller

    async def rehearse(self) -> None:
        """Lend the board, then put it into maintenance."""
        await self._check_facts()
        await super().rehearse()
        await self._maintain()

    async def leave_behind(self, access: AccessInfo, files: Files) -> None:
        """Leave all that a system user can, and the device under test switched on."""
        await super().leave_behind(access, files)
        mine = f"test -w {USER_SOCKET} && ! test -w {ADMIN_SOCKET}"
        await self._ssh(access, files, mine)
        self._step(f"the session user may use {USER_SOCKET}, and not {ADMIN_SOCKET}")
        who = await self._switch(access, files, "-dut", "-dyper1", "on", "-hdmi", "on")
        await self._controller.see(
            "the device under test to be on", lambda chip: chip["relay"] and chip["hdmi"]
        )
        must(self._controller.state["card"] == "dut", "the card did not go to the device")
        self._step(f"stm -dut -dyper1 on -hdmi on, by {who}: power on, card at the DUT")

    def check_gone(self) -> None:
        """Show what was found, and that the device under test is off."""
        super().check_gone()
        chip = self._controller.state
        off = not chip["relay"] and not chip["hdmi"] and not any(chip["dypers"])
        must(off and chip["card"] == "ts", f"the device under test was not reset: {chip}")
        must(not chip["damage"], f"a real controller would have been damaged: {chip['damage']}")
        self._step("the device under test is off, its card at the supervisor, DyPers and HDMI off")

    async def _switch(self, access: AccessInfo, files: Files, *options: str) -> str:
        """Use ``stm`` as the session user, or for him where he cannot read this Python."""
        tool = shlex.join(TOOL)
        readable = f"{tool} -help >/dev/null 2>&1 && echo yes || echo no"
        if (await self._ssh(access, files, readable)).strip() == b"yes":
            await self._ssh(access, files, f"{tool} {shlex.join(options)}")
            return "the session user"
        await self._must_run(*TOOL, "-remote", USER_SOCKET, *options)
        return "the demo in the user's stead (this Python lies where he may not read)"

    async def _check_facts(self) -> None:
        """Show what the board says of itself."""
        worker = await self._farm.workers.get_worker_info(self._farm.caller, BOARD)
        facts = {f"Board {name}": value for name, value in (worker.facts or {}).items()}
        must(all(name in facts for name in SHOWN), f"facts are missing: {sorted(facts)}")
        self._step("; ".join(f"{name.removeprefix('Board ')}: {facts[name]}" for name in SHOWN))

    async def _maintain(self) -> None:
        """Put the board into maintenance and watch its display and lights."""
        farm, maintenance = self._farm, WorkerState.MAINTENANCE
        async with farm.watch() as happenings:
            await farm.workers.set_state(farm.caller, BOARD, maintenance, REASON)
            async for happening in happenings:
                if isinstance(happening, Lost):
                    continue
                worker = await farm.workers.get_worker_info(farm.caller, BOARD)
                if worker.state is maintenance:
                    break
        await self._controller.see(
            "the message", lambda chip: chip["display"] == [f"0 0 on {REASON}"]
        )
        await self._controller.see("the first light", lambda chip: chip["leds"][0] != DARK[0])
        await self._controller.see("the second light", lambda chip: chip["leds"][1] != DARK[1])
        self._step(f"{BOARD} is in MAINTENANCE: the display says {REASON!r}, the lights take turns")
