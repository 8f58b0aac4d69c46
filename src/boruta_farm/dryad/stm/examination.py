"""What ``dryad doctor`` asks of a MuxPi's board controller: that it answers, and who may use it."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.settings import MuxPiSettings
from boruta_farm.model.errors import BorutaError

TOOL = Path("/usr/local/bin/stm")
"""Where Weles and the DUT scripts expect it."""

GROUPS: Final = ("stm", "dialout")
"""What a session on a MuxPi needs for the controller and for the DUT's serial lines."""


async def examine_controller(
    settings: MuxPiSettings, groups: Collection[str]
) -> tuple[Finding, ...]:
    """Ask the controller for its version; nothing is switched. ``groups`` are the session's."""
    return (await _probe(settings), *_for_sessions(settings, groups))


def _for_sessions(settings: MuxPiSettings, groups: Collection[str]) -> Iterator[Finding]:
    """Check what sessions use the controller by."""
    if missing := [group for group in GROUPS if group not in groups]:
        yield advice(
            "user",
            f"user.groups: without {', '.join(missing)} a session uses controller and serial lines "
            "by tools alone",
            "declare them as [tools.NAME] (docs/muxpi.md), or add to [user] groups: "
            f"{', '.join(missing)}",
        )
    if not TOOL.exists():
        yield advice(
            "stm",
            f"there is no {TOOL}, which Weles and the DUT scripts call",
            "dryad commands",
        )
    socket = settings.user_socket
    if settings.stm_path and not socket.exists():
        yield advice(
            "stm",
            f"there is no {socket}: sessions cannot switch their DUT",
            "systemctl enable --now dryad-stm-user.socket (or the original's stm-user.socket)",
        )


async def _probe(settings: MuxPiSettings) -> Finding:
    stm_path, device = settings.stm_path, settings.tty
    if stm_path is None:
        if os.access(device, os.R_OK | os.W_OK):
            return good("stm", f"the serial line {device} is the agent's")
        return wrong(
            "stm",
            f"the serial line {device} cannot be opened",
            "enable uart2 (armbian-config, System, Hardware), and run the agent as root or in "
            "the group dialout",
        )
    client = Client(stm_path, patience=3.0)
    try:
        words = await client.probe()
    except BorutaError as error:
        return wrong(
            "stm",
            f"the controller does not answer at {stm_path}: {error.message}",
            "systemctl enable --now dryad-stm.socket muxpi-power, or correct stm_path",
        )
    finally:
        await client.close()
    return good("stm", f"the controller answers at {stm_path}: {words}")
