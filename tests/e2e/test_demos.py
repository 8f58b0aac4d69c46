"""The demos that need a machine of their own, as a person runs them."""

import asyncio
import os
import shutil
import sys

import pytest

from boruta_farm.testing.room import CANNOT

WITHIN = 300.0
LAST_WORDS = {
    "muxpi": b"done: a MuxPi was lent",
}


@pytest.mark.prove
@pytest.mark.parametrize("driver", LAST_WORDS)
async def test_a_board_is_lent_and_proved_clean(driver: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make the namespaces of this demo")
    if None in (shutil.which(tool, path="/usr/sbin:/sbin") for tool in ("useradd", "sshd")):
        pytest.skip("the demo needs useradd and OpenSSH's sshd (Debian: passwd, openssh-server)")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", "demo", "--once", "--driver", driver),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    words = output.decode(errors="replace")
    if process.returncode == CANNOT:
        pytest.skip(f"the kernel makes no namespaces here: {words.strip()}")
    assert process.returncode == 0, words
    assert LAST_WORDS[driver] in output
    assert "found and ended: 1 mount" in words
