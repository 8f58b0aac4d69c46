"""The whole controller of a MuxPi as one command, with the options of the original's ``stm``."""

from collections.abc import Sequence
from typing import Final

from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.dut import reset
from boruta_farm.dryad.stm.options import Options, OptionsError, parse_options
from boruta_farm.dryad.stm.tool import act
from boruta_farm.dryad.tools.base import Tool
from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.kinds.do import Output
from boruta_farm.model.errors import BoardError

ADMINS: Final = ("clr", "print", "led1", "led2")
"""What the original leaves to root: display and lights tell people that a board is away."""

SERVICES: Final = ("serve", "dummy", "tty")


class StmController(Tool):
    """Do what ``stm`` would: card, power, current, dynamic peripherals, HDMI."""

    kind = Kind.DO

    def __init__(self, controller: Client) -> None:
        self._controller = controller

    async def perform(self, words: Sequence[str], output: Output) -> int:
        """Carry out options as the original does, and return its exit status."""
        try:
            options = parse_options(words, "stm")
        except OptionsError as wrong:
            await output(wrong.words.encode())
            return wrong.status
        _see_that_it_may(options)
        await act(self._controller, options, output)
        return 0

    async def reset(self) -> bool:
        """Switch off whatever it can switch on; only what can be read back is proved."""
        await reset(self._controller)
        return await self._controller.read_back() is not None


def _see_that_it_may(options: Options) -> None:
    for names, words in (
        (ADMINS, "sessions do not get display and lights; where they may, a tool of its own does"),
        (SERVICES, "the controller belongs to the agent here; leave it out"),
    ):
        for name in names:
            if getattr(options, name):
                raise BoardError(f"-{name}: {words}")
