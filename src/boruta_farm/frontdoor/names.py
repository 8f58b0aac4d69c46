"""What ssh hands to the door as names: of hosts, and of keys."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

import asyncssh

from boruta_farm.model.front_door import DOMAIN
from boruta_farm.selectors.want import Want, parse

CERTIFICATE: Final = b"-cert-v01@openssh.com"
"""What the types of OpenSSH's certificates end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Tell where somebody reached the door, for what he is told to type."""

    host: str
    port: int

    @classmethod
    def of(cls, connection: asyncssh.SSHServerConnection) -> "Here":
        """Return where a connection came in."""
        found = connection.get_extra_info("sockname") or ("", 0)
        return cls(host=str(found[0]).removeprefix("::ffff:"), port=int(found[1]))

    @property
    def jump(self) -> str:
        """Return how ``ssh -J`` is told of the door."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def words(self) -> str:
        """Return how ssh is told of the door."""
        return f"-p {self.port} {self.host}"

    def way_to(self, request_id: int, *, own_key: bool) -> str:
        """Return what is typed to reach a request's board: by a jump, or without one."""
        if own_key:
            return f"ssh -J {self.jump} boruta-user@r{request_id}"
        return f"ssh -p {self.port} r{request_id}@{self.host}"

    def verb(self, line: str) -> str:
        """Return what is typed to have the door do a verb."""
        return f"ssh {self.words} {line}"

    def closing(self, request_id: int) -> str:
        """Return what is typed to give a request's board back."""
        return self.verb(f"close {request_id}")

    def keyed(self, request_id: int) -> str:
        """Say why the door goes nowhere in the place of whoever brought a key of his own."""
        return (
            f"request {request_id} was filed with a key, and has none by which the farm could go "
            f"there in your place; jump to it: {self.way_to(request_id, own_key=True)}"
        )


def want_of(host: str) -> Want:
    """Return what the name of a host asks for: ``rpi4`` and ``rpi4.farm``. Raises WantError."""
    return parse(host.strip().removesuffix(".").removesuffix(DOMAIN))


def plain(key: asyncssh.SSHKey) -> str:
    """Return type and body of a public key, in one line."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])


def certificate_of(blob: bytes) -> asyncssh.SSHCertificate | None:
    """Return the certificate that ssh sends as a key, None where it is none that can be read."""
    length = int.from_bytes(blob[:4], "big")
    kind = blob[4 : 4 + length]
    if not kind.endswith(CERTIFICATE):
        return None
    try:
        return asyncssh.import_certificate(kind + b" " + b64encode(blob))
    except (asyncssh.KeyImportError, ValueError):
        return None


def fingerprint(line: str) -> str:
    """Return a key's fingerprint as ssh shows it."""
    return str(asyncssh.import_public_key(line).get_fingerprint())
