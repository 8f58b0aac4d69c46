"""``dryad helper``: the root helper as a command."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from boruta_farm.dryad import logs
from boruta_farm.dryad.activation import take_sockets
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.config import DEFAULT_PATH, AgentConfig, UnconfiguredError, load
from boruta_farm.dryad.files import replaceable
from boruta_farm.dryad.users.helper import Helper, find_user, listen
from boruta_farm.dryad.users.local import LocalHost
from boruta_farm.dryad.users.media import devices_in
from boruta_farm.model.errors import BorutaError, ConfigError

DONE, FAILED, UNCONFIGURED = 0, 1, 78
USUAL_USER = "dryad"
logger = logging.getLogger(__name__)


def serve_helper(arguments: Sequence[str]) -> int:
    """Serve the helper's verbs until SIGINT or SIGTERM; return the exit status."""
    options = _options(arguments)
    logs.configure(options.log_level)
    try:
        config = _config(options.conf)
        asyncio.run(_serve(config, find_user(options.user)))
    except UnconfiguredError as error:
        sys.stderr.write(f"dryad helper: {error.message}\n")
        return UNCONFIGURED
    except BorutaError as error:
        sys.stderr.write(f"dryad helper: {error.message}\n")
        return FAILED
    return DONE


async def _serve(config: AgentConfig, user: int) -> None:
    devices = devices_in(config.tables.content)
    host = LocalHost(config.uuid, config.user, config.path, devices=devices, agent=user)
    await host.inspect()
    helper = Helper(host, user)
    await helper.start(_listener(config, user))
    logger.info("the helper of board %s serves %s for uid %d", config.uuid, config.helper, user)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    await helper.close()


def _listener(config: AgentConfig, user: int) -> socket.socket:
    """Return the socket that systemd opened, else one of our own."""
    assert config.helper is not None
    opened = take_sockets(os.environ).get(str(config.helper))
    return listen(config.helper, user) if opened is None else opened


def _config(path: Path) -> AgentConfig:
    """Return the configuration, which decides what root does: only root may have written it."""
    config = load(path)
    if config.helper is None:
        raise ConfigError(
            f'{path}: helper: names no socket; write, for instance, helper = "/run/boruta/helper/'
            f'{config.uuid}.sock"'
        )
    if trouble := replaceable(path, frozenset({0})):
        raise ConfigError(f"{path}: {trouble}")
    return config


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad helper",
        description="Make and unmake the session user of a board, as root, for an agent that "
        "is not.",
        allow_abbrev=False,
    )
    parser.add_argument("--conf", type=Path, default=DEFAULT_PATH, metavar="FILE")
    parser.add_argument(
        "--user", default=USUAL_USER, help=f"whom the agent runs as (default {USUAL_USER})"
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    return parser.parse_args(arguments)
