"""The card of the simulated device: a file that takes as little room as what is on it."""

import asyncio
from typing import Final

from boruta_farm.dryad.tools.base import Bench
from boruta_farm.dryad.tools.kinds.storage import Holder
from boruta_farm.dryad.tools.media import DeviceStorage
from boruta_farm.model.errors import BoardError

SIZE: Final = 64 << 20
SWITCHING: Final = 0.2
"""Seconds, as a mux and a card reader take them."""


class SimulatedCard(DeviceStorage):
    """A card of 64 MiB."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.folder / "card.img", bench)
        self._holder = Holder.SUPERVISOR

    async def start(self) -> None:
        """Make the card, empty, where there is none yet. Raises BoardError."""
        path = self.device.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.truncate(SIZE)
        except OSError as error:
            raise BoardError(f"{path} cannot be made: {error.strerror}") from None

    async def switch(self, to: Holder) -> None:
        """Give it to one side."""
        await asyncio.sleep(SWITCHING)
        self._holder = to

    async def holder(self) -> Holder:
        """Tell who has it."""
        return self._holder
