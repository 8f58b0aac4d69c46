"""The card of a machine that QEMU emulates: a file, which the device sees in a USB reader."""

from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.drivers.qemu_machine import QemuMachine
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import FileCard


class QemuCard(FileCard):
    """A card that is put in and pulled out while the device runs."""

    def __init__(self, machine: QemuMachine, size: int, bench: Bench) -> None:
        super().__init__(size, bench)
        machine.card = self.device.path
        self._machine = machine

    async def switch(self, to: Holder) -> None:
        """Put it in, or pull it out."""
        await self._machine.insert(to is Holder.DUT)

    async def holder(self) -> Holder:
        """Tell who has it."""
        return Holder.DUT if self._machine.inserted else Holder.SUPERVISOR
