"""Public keys in OpenSSH's one-line form."""

import base64
import binascii
import re

from boruta_farm.model.errors import SSHKeyError

SSH_KEY = re.compile(
    r"(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)"
    r"@openssh\.com) AAAA[A-Za-z0-9+/]+={0,3}(?: [^\x00-\x1f\x7f]*)?"
)
MAX_SSH_KEY = 8192


def check_ssh_key(line: str) -> None:
    """Raise SSHKeyError unless the line is a public key of a known type."""
    key = line.strip()
    if len(key) > MAX_SSH_KEY or not _is_public_key(key):
        raise SSHKeyError


def _is_public_key(line: str) -> bool:
    """Tell whether the line's base64 holds a key of the type that the line names (RFC 4253)."""
    if not SSH_KEY.fullmatch(line):
        return False
    kind, encoded = line.split(" ", 2)[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    named = kind.encode()
    return blob.startswith(len(named).to_bytes(4, "big") + named) and len(blob) > len(named) + 4
