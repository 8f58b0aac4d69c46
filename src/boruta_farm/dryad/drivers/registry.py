"""The drivers that are installed, found by entry points, with their tables of the configuration."""

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.base import Board, Driver, DriverKind
from boruta_farm.dryad.drivers.hooked import HookedDriver
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.hooks import Hooks
from boruta_farm.dryad.plugins import DRIVERS, find
from boruta_farm.dryad.tools.configured import own_socket
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.users.host import SessionHost
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.settings.declaration import read
from boruta_farm.settings.table import SettingError


def open_driver(config: AgentConfig, tools: ToolService | None = None) -> Driver:
    """Return the configured driver with tools and the lab's hooks around it, not yet started.

    Raises ConfigError when no package brings it, when it is broken or its table is wrong.
    """
    board = {"board": config.uuid, "name": config.board_name, "driver": config.driver}
    driver = _open(config, config.driver, ())
    if tools is not None and tools.toolbox:
        driver = TooledDriver(driver, tools, own_socket(config))
    return HookedDriver(driver, Hooks(config.hooks, board))


def open_host(config: AgentConfig) -> SessionHost:
    """Return who makes session users for the drivers that have some."""
    if config.helper is not None:
        from boruta_farm.dryad.users.remote import RemoteHost

        return RemoteHost(config.helper)
    from boruta_farm.dryad.users.local import LocalHost
    from boruta_farm.dryad.users.media import devices_in

    devices = devices_in(config.tables.content)
    return LocalHost(config.uuid, config.user, config.path, devices=devices)


def _open(config: AgentConfig, name: str, wraps: tuple[str, ...]) -> Driver:
    wraps = (*wraps, name)
    place = f"{config.path}: driver"
    if name in wraps[:-1]:
        raise ConfigError(f"{place}: {' wraps '.join(wraps)}: a driver cannot wrap itself")
    try:
        kind = find(DRIVERS, name, DriverKind)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}") from None
    board = Board(
        uuid=config.uuid,
        name=config.board_name,
        folder=config.state_dir / name,
        ssh_address=config.ssh_address,
        user=config.user,
        sdcard=config.sdcard,
        stm_path=config.stm_path,
        open_driver=lambda inner: _open(config, inner, wraps),
        open_host=lambda: open_host(config),
    )
    table = config.tables.table(name)
    try:
        driver = kind.open(read(kind.settings, table), board)
    except SettingError as wrong:
        raise table.refusal(wrong) from None
    except BorutaError:
        raise
    except Exception as error:  # a foreign package may raise anything
        raise ConfigError(
            f"{place}: {name!r} cannot be opened: {type(error).__name__}: {error}; mend or "
            "reinstall the package that brings it"
        ) from error
    if not isinstance(driver, Driver):
        raise ConfigError(
            f"{place}: {name!r} opens {driver!r}, which is no Driver; mend its package"
        )
    return driver
