"""``exec``: any command of the lab's for any verb of a kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from boruta_farm.dryad.commands import PATH
from boruta_farm.dryad.tools.base import Bench, Tool, ToolDriver
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.drivers.exec_media import ExecUsb, ExecVideo
from boruta_farm.dryad.tools.drivers.exec_net import ExecNet
from boruta_farm.dryad.tools.drivers.exec_programs import ExecTool, Programs
from boruta_farm.dryad.tools.drivers.exec_settings import ExecSettings
from boruta_farm.dryad.tools.drivers.exec_storage import ExecStorage
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.console import PortPlace
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.programs import call
from boruta_farm.dryad.tools.switching import off_and_on, read_state


class ExecPower(ExecTool):
    """Power that commands switch."""

    async def on(self) -> None:
        """Run ``on``."""
        await self.programs.succeed(self.settings.on)

    async def off(self) -> None:
        """Run ``off``."""
        await self.programs.succeed(self.settings.off)

    async def cycle(self, pause: float) -> None:
        """Run ``cycle``, else ``off`` and ``on``."""
        if self.settings.cycle is None:
            await off_and_on(self.off, self.on, pause)
        else:
            await self.programs.succeed(self.settings.cycle)

    async def state(self) -> PowerState:
        """Run ``state`` and read its first word; without it nothing is known."""
        return PowerState(
            on=read_state(
                (await self.programs.succeed(self.settings.state)).decode(errors="replace")
            )
        )


class ExecButton(ExecTool):
    """A button that commands press and release."""

    async def press(self) -> None:
        """Run ``press``."""
        await self.programs.succeed(self.settings.press)

    async def release(self) -> None:
        """Run ``release``."""
        await self.programs.succeed(self.settings.release)


class ExecDo(ExecTool):
    """A command of the admin's."""

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Run ``run`` with the words after it."""
        command = (*(self.settings.run or ()), *words)
        programs, limit = self.programs, self.settings.timeout
        status = (await call(command, limit, programs.environment, take=output)).status
        return status if status >= 0 else 128 - status


class ExecConsole(ConsoleTool):
    """A program whose input and output are the console."""

    def __init__(self, programs: Programs) -> None:
        super().__init__()
        self._programs = programs

    def place(self) -> PortPlace:
        """Return how ``connect`` is started."""
        variables = {"PATH": PATH, "LANG": "C.UTF-8", **self._programs.environment}
        return PortPlace(
            opener="boruta_farm.dryad.tools.console.command_port:open_command",
            options={"words": self._programs.settings.connect, "environment": variables},
        )


TOOLS_OF: Final[Mapping[Kind, Callable[[Programs], Tool]]] = {
    Kind.POWER: ExecPower,
    Kind.CONSOLE: ExecConsole,
    Kind.STORAGE: ExecStorage,
    Kind.BUTTON: ExecButton,
    Kind.DO: ExecDo,
    Kind.VIDEO: ExecVideo,
    Kind.USB: ExecUsb,
    Kind.NET: ExecNet,
}


def _open(settings: ExecSettings, bench: Bench) -> Tool:
    return TOOLS_OF[settings.kind](Programs(settings, bench))


DRIVER: Final = ToolDriver(settings=ExecSettings, kinds=tuple(TOOLS_OF), open=_open)
