"""The card of a MuxPi, which its controller switches."""

from pathlib import Path
from typing import Final

from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.values import Card
from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import DeviceStorage

HOLDERS: Final = {Card.TS: Holder.SUPERVISOR, Card.DUT: Holder.DUT}


class StmCard(DeviceStorage):
    """Whoever has the card: the supervisor while the power is off, else the device."""

    def __init__(self, controller: Interface, device: Path, bench: Bench) -> None:
        super().__init__(device, bench)
        self._controller = controller

    async def switch(self, to: Holder) -> None:
        """Take the card, and the power; or give both: the controller does not part them."""
        if to is Holder.SUPERVISOR:
            await self._controller.ts()
        else:
            await self._controller.give_card()

    async def holder(self) -> Holder:
        """Read it back, where the controller's service is ours."""
        read = await self._controller.read_back()
        return Holder.UNKNOWN if read is None else HOLDERS.get(read.card, Holder.UNKNOWN)
