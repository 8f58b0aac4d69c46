"""A process that makes RSA keys at the lowest priority: ``python -m boruta_farm.access.keymaker``.

It writes one JSON line per key to its standard output: the reader takes keys as it needs
them, and the process ends when the reader is gone, not by the signals that a terminal or a
service manager sends to all processes of a server that ends in good order.
"""

import fcntl
import json
import os
import signal
import stat
import sys

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from boruta_farm.model.worker import KeyPair

KEY_BITS = 2048
LOWEST_PRIORITY = 19
SMALL_PIPE = 4096


def make_key() -> KeyPair:
    """Return a fresh RSA key: PKCS#1 PEM, and one authorized_keys line without comment."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return KeyPair(public=public.decode(), private=private.decode())


def encode_key(key: KeyPair) -> bytes:
    """Return the line that carries a key."""
    return json.dumps({"public": key.public, "private": key.private}).encode() + b"\n"


def decode_key(line: bytes) -> KeyPair:
    """Return the key that a line carries. Raises ValueError for anything else."""
    fields: object = json.loads(line)
    if isinstance(fields, dict):
        public, private = fields.get("public"), fields.get("private")
        if isinstance(public, str) and isinstance(private, str):
            return KeyPair(public=public, private=private)
    raise ValueError("the line carries no key")


def main() -> None:
    """Write keys until nobody reads them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(LOWEST_PRIORITY)
    output = sys.stdout.fileno()
    if stat.S_ISFIFO(os.fstat(output).st_mode):
        # A small pipe keeps the number of keys that lie between the two processes small; under
        # some event loops the output is a socket, which is small enough as it is.
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
    try:
        while True:
            line = memoryview(encode_key(make_key()))
            while line:
                line = line[os.write(output, line) :]
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main()
