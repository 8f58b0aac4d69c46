"""Every command of docs/ssh.md is typed by a test, and what people use ssh with works."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.dryad.rooms import ROOM, require_root
from tests.e2e.ssh_page import LINES

PAGE = Path(__file__).parents[2] / "docs" / "ssh.md"
COMMANDS = re.compile(r"(?:ssh|scp|sftp|rsync|sshfs|git)\b")
ELSEWHERE = {"boruta serve --ssh-addr :8022": "the farm that the test runs is started so"}
WITHIN = 400.0


def shown(page: str) -> set[str]:
    """Return the commands that stand in lines of their own."""
    lines = (line[4:].strip() for line in page.splitlines() if line.startswith("    "))
    return {line for line in lines if COMMANDS.match(line) or line.startswith("boruta ")}


def test_every_command_of_the_page_is_typed() -> None:
    typed = {line.text for line in LINES}
    assert shown(PAGE.read_text()) - typed == ELSEWHERE.keys()
    page = " ".join(PAGE.read_text().split()).replace("farm VERB", "farm help")
    assert not [text for text in typed if text not in page], "typed, and not on the page"


@pytest.mark.prove
async def test_the_page_is_followed_from_the_top() -> None:
    """All but Ansible and tmux, which take longer: ``./run prove ssh``."""
    require_root()
    inside = (sys.executable, "-m", "tests.e2e.ssh_page", "--inside")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", ROOM, *inside),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            # The room ends with its first process, and all that is in it.
            process.kill()
            await process.wait()
    printed = said.decode(errors="replace")
    if "no namespaces here" in printed:
        pytest.skip(printed.strip())
    assert process.returncode == 0, printed
    for line in LINES:
        assert f": {line.text}\n" in printed, printed
    for name in ("ProxyJump", "boruta ssh-config --write", "ControlMaster", "VS Code"):
        assert f"done: {name}" in printed, printed
