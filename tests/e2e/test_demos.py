"""The demos that need a machine of their own, as a person runs them."""

import os
import shutil

import pytest

from boruta_farm.testing.room import CANNOT
from tests.e2e.played import played

WITHIN = 300.0
LAST_WORDS = {
    "muxpi": "done: a MuxPi was lent",
}


@pytest.mark.prove
@pytest.mark.parametrize("driver", LAST_WORDS)
async def test_a_board_is_lent_and_proved_clean(driver: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make the namespaces of this demo")
    if None in (shutil.which(tool, path="/usr/sbin:/sbin") for tool in ("useradd", "sshd")):
        pytest.skip("the demo needs useradd and OpenSSH's sshd (Debian: passwd, openssh-server)")
    status, words = await played(
        "boruta_farm.cli", "demo", "--once", "--driver", driver, within=WITHIN
    )
    if status == CANNOT:
        pytest.skip(f"the kernel makes no namespaces here: {words.strip()}")
    assert status == 0, words
    assert LAST_WORDS[driver] in words
    assert "found and ended: 1 mount" in words
