"""Security keys in software: they sign as a token would, and serve ssh as its agent.

The form is OpenSSH's PROTOCOL.u2f: what is signed holds the hash of the application, whether
somebody touched the token, and how often it has signed.
"""

import base64
import hashlib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519: Final = "sk-ssh-ed25519@openssh.com"
ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
KINDS: Final = (ED25519, ECDSA)
APPLICATION: Final = b"ssh:"
TOUCHED: Final = 1
FAILURE, LIST, LISTED, SIGN, SIGNED = 5, 11, 12, 13, 14
"""Messages of agents (draft-ietf-sshm-ssh-agent)."""


def string(content: bytes) -> bytes:
    """Return a string of the protocol (RFC 4251, section 5)."""
    return len(content).to_bytes(4, "big") + content


def number(value: int) -> bytes:
    """Return a number above 0 of the protocol, with room for its sign."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


class SecurityKey:
    """A token with one key; ``flags`` tells whether it is touched whenever it signs."""

    def __init__(self, kind: str, flags: int = TOUCHED) -> None:
        self.kind = kind
        self.flags = flags
        self.signed = 0
        self._ed25519 = Ed25519PrivateKey.generate()
        self._curve = ec.generate_private_key(ec.SECP256R1())
        if kind == ED25519:
            raw = self._ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            body = string(raw)
        else:
            point = self._curve.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            )
            body = string(b"nistp256") + string(point)
        self.blob = string(kind.encode()) + body + string(APPLICATION)
        self.line = f"{kind} {base64.b64encode(self.blob).decode()}"

    def sign(self, data: bytes) -> bytes:
        """Return a signature as ssh carries it."""
        self.signed += 1
        tail = bytes([self.flags]) + self.signed.to_bytes(4, "big")
        told = hashlib.sha256(APPLICATION).digest() + tail + hashlib.sha256(data).digest()
        if self.kind == ED25519:
            made = self._ed25519.sign(told)
        else:
            r, s = decode_dss_signature(self._curve.sign(told, ec.ECDSA(hashes.SHA256())))
            made = number(r) + number(s)
        return string(self.kind.encode()) + string(made) + tail


@contextmanager
def agent_of(key: SecurityKey, path: Path) -> Iterator[Path]:
    """Serve a token as ssh's agent at a socket for the block."""

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(4):
                asked = self.rfile.read(int.from_bytes(head, "big"))
                self.wfile.write(string(_answer(key, asked)))

    with socketserver.ThreadingUnixStreamServer(str(path), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield path
        finally:
            server.shutdown()
            thread.join()


def _answer(key: SecurityKey, asked: bytes) -> bytes:
    if asked[0] == LIST:
        return bytes([LISTED]) + (1).to_bytes(4, "big") + string(key.blob) + string(b"token")
    if asked[0] == SIGN:
        length = int.from_bytes(asked[1:5], "big")
        blob, rest = asked[5 : 5 + length], asked[5 + length :]
        if blob == key.blob:
            size = int.from_bytes(rest[:4], "big")
            return bytes([SIGNED]) + string(key.sign(rest[4 : 4 + size]))
    return bytes([FAILURE])
