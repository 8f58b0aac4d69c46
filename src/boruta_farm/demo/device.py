"""The demo's board with a device: QEMU's where it is installed, else one that is simulated."""

import gzip
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.demo.boards import DemoBoard, Value
from boruta_farm.testing.bootable import bootable_card
from boruta_farm.testing.device import SIMULATED
from boruta_farm.testing.emulator import missing_emulator

MEBIBYTE: Final = 1 << 20
ABOUT: Final = "of a machine in QEMU"
EMULATED_SIZE: Final = 8
"""Megabytes of the emulated card."""

SIMULATED_SIZE: Final = 64
EMULATED: Final[Mapping[str, Mapping[str, Value]]] = {
    "power": {"driver": "qemu", "about": ABOUT},
    "card": {"driver": "qemu", "kind": "storage", "size": EMULATED_SIZE, "about": ABOUT},
    "uart": {"driver": "qemu", "kind": "console", "about": ABOUT},
    "reset": {"driver": "qemu", "kind": "button", "about": ABOUT},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDevice:
    """Tell of a device: its board, what it is, how large its card is.

    ``greeting`` is what its boot loader answers to ``version``.
    """

    board: DemoBoard
    words: str
    greeting: str
    card_size: int
    emulated: bool

    def image(self, said: str) -> bytes:
        """Return a card from which the device says something when it starts."""
        command = f"echo {said}\n"
        return bootable_card(command) if self.emulated else command.encode()


@contextmanager
def demo_device() -> Iterator[DemoDevice]:
    """Have a device for the block; its card is given back empty between jobs."""
    missing = missing_emulator()
    size = (SIMULATED_SIZE if missing else EMULATED_SIZE) * MEBIBYTE
    with tempfile.TemporaryDirectory(prefix="boruta-demo-card-") as folder:
        golden = Path(folder) / "empty.img.gz"
        golden.write_bytes(gzip.compress(bytes(size)))
        tools = dict(SIMULATED if missing else EMULATED)
        tools["card"] = {**tools["card"], "golden": str(golden)}
        name, arch = ("simulated", "imagined") if missing else ("qemu", "arm")
        board = DemoBoard(
            name=name, caps={"board": name, "arch": arch}, driver="sandbox", tools=tools
        )
        yield DemoDevice(
            board=board,
            words=f"simulated, since {missing}" if missing else "a machine in QEMU with U-Boot",
            greeting="a simulated boot loader" if missing else "U-Boot 2",
            card_size=size,
            emulated=not missing,
        )
