"""Which kinds of board this agent can keep; each is imported only when it is chosen."""

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.model.errors import ConfigError

BUILT_IN = ("sandbox",)


def open_driver(config: AgentConfig) -> Driver:
    """Return the configured driver, not yet started.

    Raises ConfigError when it is unknown or needs a library that is not installed.
    """
    if config.driver != "sandbox":
        raise ConfigError(
            f"{config.path}: driver: {config.driver!r} is not built into this version; built in: "
            f"{', '.join(BUILT_IN)}"
        )
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
            port=config.sandbox_port,
            username=config.username,
        )
    )
