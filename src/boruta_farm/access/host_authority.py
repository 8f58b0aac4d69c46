"""The farm's SSH authority, which vouches for the host keys of boards while they are lent."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_key,
)

from boruta_farm.contracts import Cipher
from boruta_farm.model.errors import ProtocolError

PURPOSE: Final = "ssh host authority"
BACKDATED: Final = timedelta(hours=1)
"""Clocks of those who come may be behind."""
MOST_NAMES: Final = 256
"""As many as OpenSSH reads of a certificate."""


class HostAuthority:
    """Sign host keys of boards, with a key that never leaves the server.

    It is derived from the farm's secret key, so it is the same on every server of a farm and after
    a restored backup, and lies nowhere by itself.
    """

    def __init__(self, cipher: Cipher) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(cipher.derive(PURPOSE))
        line = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        self.public = line.decode("ascii")
        """Its public key: type and body, in one line."""

    def sign(
        self, host_key: str, names: Collection[str], identity: str, now: datetime, until: datetime
    ) -> str:
        """Return a certificate: the key is a host's that is called by these names until then.

        ``identity`` is what logs show of it. Raises ProtocolError for a key that cannot be read.
        """
        try:
            key = load_ssh_public_key(host_key.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ProtocolError("the board's host key cannot be read") from None
        if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey):
            raise ProtocolError("no certificate can be made for a host key of this kind")
        certificate = (
            SSHCertificateBuilder()
            .public_key(key)
            .serial(secrets.randbits(63))
            .type(SSHCertificateType.HOST)
            .key_id(identity.encode())
            .valid_principals([name.encode() for name in sorted(names)[:MOST_NAMES]])
            .valid_after(int((now - BACKDATED).timestamp()))
            .valid_before(int(until.timestamp()))
            .sign(self._key)
        )
        return certificate.public_bytes().decode("ascii")
