"""A USB-SD-Mux, by a stand-in for its program, which takes the words that the real one does."""

from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.usbsdmux import DRIVER, UsbSdMux
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import opened

PROGRAM = """#!/bin/sh
cd "$(dirname "$0")"
[ "$1" = /dev/usb-sd-mux/id-7 ] || { echo "no mux $1" >&2; exit 1; }
case $2 in get) cat mode ;; host|dut|off) echo "$2" >mode ;; *) exit 2 ;; esac
"""


def mux(folder: Path, path: str = "/dev/usb-sd-mux/id-7") -> UsbSdMux:
    """Return a mux with a card that is always there."""
    (folder / "usbsdmux").write_text(PROGRAM)
    (folder / "usbsdmux").chmod(0o755)
    (folder / "card").write_bytes(b"x")
    tool = opened(
        DRIVER,
        folder,
        mux=path,
        device=str(folder / "card"),
        program=str(folder / "usbsdmux"),
    )
    assert isinstance(tool, UsbSdMux)
    assert isinstance(tool, Storage)
    return tool


async def test_the_card_goes_to_either_side(tmp_path: Path) -> None:
    tool = mux(tmp_path)
    await tool.give(Holder.DUT)
    assert (tmp_path / "mode").read_text() == "dut\n"
    assert await tool.holder() is Holder.DUT
    await tool.give(Holder.SUPERVISOR)
    assert await tool.holder() is Holder.SUPERVISOR
    (tmp_path / "mode").write_text("off\n")
    assert await tool.holder() is Holder.UNKNOWN


async def test_a_mux_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="ended with status 1: no mux /dev/usb-sd-mux/id-8"):
        await mux(tmp_path, "/dev/usb-sd-mux/id-8").give(Holder.DUT)


def test_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'usbsdmux' is no program of this machine; install it"):
        opened(DRIVER, tmp_path, mux="/dev/x", device="/dev/y")
