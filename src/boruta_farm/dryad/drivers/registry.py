"""Which kinds of board this agent can keep; each is imported only when it is chosen."""

import socket

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.hooked import HookedDriver
from boruta_farm.dryad.hooks import Hooks
from boruta_farm.dryad.users.host import SessionHost
from boruta_farm.model.errors import ConfigError

BUILT_IN = ("linux", "muxpi", "sandbox")


def open_driver(config: AgentConfig) -> Driver:
    """Return the configured driver with the lab's hooks around it, not yet started.

    Raises ConfigError when it is unknown or needs a library that is not installed.
    """
    board = {
        "board": config.uuid,
        "name": config.name or socket.gethostname(),
        "driver": config.driver,
    }
    return HookedDriver(_open(config), Hooks(config.hooks, board))


def open_host(config: AgentConfig) -> SessionHost:
    """Return who makes session users for the drivers that have some."""
    if config.helper is not None:
        from boruta_farm.dryad.users.remote import RemoteHost

        return RemoteHost(config.helper)
    from boruta_farm.dryad.users.local import LocalHost

    return LocalHost(config.uuid, config.user, config.path)


def _open(config: AgentConfig) -> Driver:
    match config.driver:
        case "linux":
            from boruta_farm.dryad.drivers.linux import LinuxDriver

            return LinuxDriver(open_host(config), config.user, config.ssh_address)
        case "muxpi":
            from boruta_farm.dryad.drivers.linux import LinuxDriver
            from boruta_farm.dryad.drivers.muxpi import MuxPiDriver

            session = LinuxDriver(open_host(config), config.user, config.ssh_address)
            return MuxPiDriver(session, config.muxpi)
        case "sandbox":
            return _open_sandbox(config)
        case _:
            raise ConfigError(
                f"{config.path}: driver: {config.driver!r} is not built into this version; built "
                f"in: {', '.join(BUILT_IN)}"
            )


def _open_sandbox(config: AgentConfig) -> Driver:
    try:
        from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{config.path}: driver: the sandbox needs {error.name}, which is not installed; "
            "run: pip install 'boruta-farm[sandbox]'"
        ) from None
    return SandboxDriver(
        SandboxConfig(
            directory=config.state_dir / "sandbox",
            port=config.sandbox.port,
            username=config.user.name,
        )
    )
