"""The card of the simulated device."""

import asyncio
from typing import Final

from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import FileCard
from boruta_farm.dryad.tools.simulation import SimulatedDevice

SIZE: Final = 64 << 20
SWITCHING: Final = 0.2
"""Seconds, as a mux and a card reader take them."""


class SimulatedCard(FileCard):
    """A card of 64 MiB."""

    def __init__(self, device: SimulatedDevice, bench: Bench) -> None:
        super().__init__(SIZE, bench)
        self._device = device

    async def switch(self, to: Holder) -> None:
        """Give it to one side."""
        await asyncio.sleep(SWITCHING)
        self._device.card = self.device.path if to is Holder.DUT else None

    async def holder(self) -> Holder:
        """Tell who has it."""
        return Holder.SUPERVISOR if self._device.card is None else Holder.DUT
