"""What ssh hands to the door as names: of hosts, and of keys."""

import asyncssh

from boruta_farm.model.front_door import DOMAIN
from boruta_farm.selectors.want import Want, parse


def want_of(host: str) -> Want:
    """Return what the name of a host asks for: ``rpi4`` and ``rpi4.farm``. Raises WantError."""
    return parse(host.strip().removesuffix(".").removesuffix(DOMAIN))


def plain(key: asyncssh.SSHKey) -> str:
    """Return type and body of a public key, in one line."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])


def fingerprint(line: str) -> str:
    """Return a key's fingerprint as ssh shows it."""
    return str(asyncssh.import_public_key(line).get_fingerprint())
