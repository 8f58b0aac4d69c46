"""The board controller of a MuxPi: that it answers, and who may use it."""

import os
from collections.abc import Iterator
from pathlib import Path

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.doctor.findings import Finding, advice, good, wrong
from boruta_farm.dryad.stm.client import Client
from boruta_farm.model.errors import BorutaError

TOOL = Path("/usr/local/bin/stm")
"""Where Weles and the DUT scripts expect it."""


async def check_controller(config: AgentConfig) -> tuple[Finding, ...]:
    """Ask the controller for its version; nothing is switched."""
    if config.driver != "muxpi":
        return ()
    return (await _probe(config), *_for_sessions(config))


def _for_sessions(config: AgentConfig) -> Iterator[Finding]:
    """Check what sessions use the controller by."""
    if not TOOL.exists():
        yield advice(
            "stm",
            f"there is no {TOOL}, which Weles and the DUT scripts call",
            f'make it a script of two lines: #!/bin/sh, and: exec dryad stm "$@"\nchmod 755 {TOOL}',
        )
    socket = config.muxpi.user_socket
    if config.stm_path and not socket.exists():
        yield advice(
            "stm",
            f"there is no {socket}: sessions cannot switch their DUT",
            "systemctl enable --now dryad-stm-user.socket (or the original's stm-user.socket)",
        )


async def _probe(config: AgentConfig) -> Finding:
    stm_path, device = config.stm_path, config.muxpi.tty
    if not stm_path:
        if os.access(device, os.R_OK | os.W_OK):
            return good("stm", f"the serial line {device} is the agent's")
        return wrong(
            "stm",
            f"the serial line {device} cannot be opened",
            "enable uart2 (armbian-config, System, Hardware), and run the agent as root or in "
            "the group dialout",
        )
    client = Client(Path(stm_path), patience=3.0)
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
