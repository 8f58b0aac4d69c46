import os
import signal
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from tests.access.processes import WITHIN

from boruta_farm.access.keymaker import (
    LOWEST_PRIORITY,
    decode_key,
    encode_key,
    make_key,
)


def test_a_key_is_rsa_2048_in_the_forms_that_clients_know() -> None:
    key = make_key()
    assert key.private.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    private = load_pem_private_key(key.private.encode(), password=None)
    assert isinstance(private, RSAPrivateKey)
    assert private.key_size == 2048
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert key.public == public.decode()
    assert len(key.public.split(" ")) == 2
    assert "\n" not in key.public


def test_a_key_survives_its_line() -> None:
    key = make_key()
    line = encode_key(key)
    assert line.count(b"\n") == 1
    assert decode_key(line) == key


@pytest.mark.parametrize("line", [b"", b"oops", b"[]", b"{}", b'{"public": "a", "private": 1}'])
def test_other_lines_carry_no_key(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode_key(line)


def test_the_process_is_nice_and_ends_with_its_reader_only() -> None:
    reading, writing = os.pipe()
    maker = subprocess.Popen([sys.executable, "-m", "boruta_farm.access.keymaker"], stdout=writing)
    try:
        os.close(writing)
        with os.fdopen(reading, "rb") as keys:
            assert decode_key(keys.readline()) != decode_key(keys.readline())
            assert os.getpriority(os.PRIO_PROCESS, maker.pid) == LOWEST_PRIORITY
            for number in (signal.SIGTERM, signal.SIGINT):
                maker.send_signal(number)
            assert decode_key(keys.readline()) != decode_key(keys.readline())
        assert maker.wait(timeout=WITHIN) == 0
    finally:
        maker.kill()
        maker.wait()
