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
MOST_RSA_BYTES = 16384 // 8
GO_KINDS = ("ssh-rsa", "ssh-ed25519")
"""All that Go RPC can carry to a board."""


def check_ssh_key(line: str) -> None:
    """Raise SSHKeyError unless the line is a public key of a known type."""
    key = line.strip()
    if len(key) > MAX_SSH_KEY or not _is_public_key(key):
        raise SSHKeyError


def goes_over_go_rpc(line: str) -> bool:
    """Tell whether a board of the original can be given this key."""
    return line.split(" ", 1)[0] in GO_KINDS


def _is_public_key(line: str) -> bool:
    """Tell whether the line's base64 holds a key of the type that the line names (RFC 4253)."""
    if not SSH_KEY.fullmatch(line):
        return False
    kind, encoded = line.split(" ", 2)[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    parts = _parts(blob)
    if parts is None or parts[0] != kind.encode():
        return False
    match kind, parts[1:]:
        case "ssh-ed25519", [key]:
            return len(key) == 32
        case "ssh-rsa", [exponent, modulus]:
            return _is_number(exponent, 8) and _is_number(modulus, MOST_RSA_BYTES)
        case (("ssh-ed25519" | "ssh-rsa"), _):
            return False
    return len(parts) > 1


def _parts(blob: bytes) -> list[bytes] | None:
    """Cut a key's blob into its strings (RFC 4251, section 5); None when it cannot be cut."""
    parts = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < end:
            return None
        parts.append(blob[4:end])
        blob = blob[end:]
    return parts or None


def _is_number(part: bytes, most: int) -> bool:
    """Tell whether a part is a number above 1 of at most so many bytes and one of sign."""
    digits = part.lstrip(b"\0")
    return len(part) <= most + 1 and digits > b"\1" and part[0] < 0x80 and len(digits) <= most
