"""Parts that some verbs need; a client's installation does not have them."""

from collections.abc import Iterator
from contextlib import contextmanager

from boruta_farm.model.errors import ConfigError

ALWAYS_THERE = "boruta_farm"


@contextmanager
def server_installed() -> Iterator[None]:
    """Turn a library that is missing inside the block into words.

    Raises ConfigError; errors in our own modules pass unchanged.
    """
    with _installed("the server", "server"):
        yield


@contextmanager
def mcp_installed() -> Iterator[None]:
    """Do the same for what speaks with agents."""
    with _installed("the SDK of the Model Context Protocol", "mcp"):
        yield


@contextmanager
def _installed(what: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(ALWAYS_THERE):
            raise
        raise ConfigError(
            f"this needs {what}, and {error.name} is not installed; "
            f"run: pip install 'boruta-farm[{extra}]'"
        ) from error
