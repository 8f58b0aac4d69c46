"""The server's parts that some verbs need; a client's installation does not have them."""

from collections.abc import Iterator
from contextlib import contextmanager

from boruta_farm.model.errors import ConfigError

ALWAYS_THERE = "boruta_farm"


@contextmanager
def server_installed() -> Iterator[None]:
    """Turn a library that is missing inside the block into words.

    Raises ConfigError; errors in our own modules pass unchanged.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(ALWAYS_THERE):
            raise
        raise ConfigError(
            f"this needs the server, and {error.name} is not installed; "
            "run: pip install 'boruta-farm[server]'"
        ) from error
