"""A board that its server cannot reach ends the job by itself, and is lent again when proved."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.stage import leftovers, needs_ssh

ROOT = Path(__file__).parents[2]
TOOLS = ("ip", "unshare", "nsenter", "setsid")

pytestmark = [needs_ssh, pytest.mark.prove]


async def test_the_user_is_off_a_cut_off_board_on_time(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (iproute2, util-linux)")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-m", "tests.e2e.partition", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    text = output.decode()
    if "Operation not permitted" in text:
        pytest.skip("this machine makes no network namespaces")
    assert process.returncode == 0, text
    assert "off the board" in text
    assert "after the partition: FAILED PREPARE IDLE" in text
    assert "lent again: hello again" in text
    assert not leftovers(tmp_path)
