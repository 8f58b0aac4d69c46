"""The demo of users does what it says: everything refused that must be, and nothing left."""

import asyncio
import os
import sys
from pathlib import Path

from tests.e2e.stage import demo_folders, gone

STEPS = (
    "TLS is on: TLSv1.",
    "a call without a token is refused (401)",
    "bob is refused (403)",
    "bob of radio waited",
    "which is in no group",
    "revoked: dead, open events included, within 0.",
    "another credential is refused",
    "audit's chain of",
    "none of 9 tokens and keys stands in",
)


async def test_demo_of_users_refuses_what_must_be_refused(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", "demo", "--once", "--users"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    async with asyncio.timeout(180):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    for step in STEPS:
        assert step in text, text
    await gone(tmp_path)
    assert not demo_folders(tmp_path)
