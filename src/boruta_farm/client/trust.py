"""Whose signature the server's certificate must bear."""

import ssl

from boruta_farm.client.config import ClientConfig
from boruta_farm.model.errors import ConfigError


def trust(config: ClientConfig) -> ssl.SSLContext:
    """Return whose signatures the server's certificate may bear. Raises ConfigError."""
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:
        why = error.strerror if error.errno else "it holds no PEM certificate"
        raise ConfigError(f"ca_file: {config.ca_file} cannot be used: {why}") from None
