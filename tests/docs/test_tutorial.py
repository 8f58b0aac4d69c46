"""What the tutorial tells a newcomer to type works in the order in which it stands there."""

import asyncio
import os
import re
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
PROGRAM = f"{shlex.quote(sys.executable)} -m boruta_farm.cli"
BESIDE = "# in another terminal"
WITHIN = 120.0
DONE = "--done--"


def typed() -> list[str]:
    """Return the lines to type once the demo runs, up to the section about a real farm."""
    played = PAGE.read_text(encoding="utf-8").partition("## 2.")[2].partition("## 6.")[0]
    return re.findall(r"^    (\./run boruta .*|\w+=\$\(\./run .*)$", played, re.MULTILINE)


def test_what_is_typed_names_no_id_that_may_be_another() -> None:
    assert len(typed()) >= 8
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"boruta (?:close|show|explain|share|prolong|ssh) \d+", page) == []


async def said(process: Process, words: str) -> str:
    """Return what a process has printed up to some words."""
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        try:
            text = await process.stdout.readuntil(words.encode())
        except asyncio.IncompleteReadError as end:
            pytest.fail(f"it ended without {words!r}: {end.partial.decode(errors='replace')}")
    return text.decode()


@pytest.mark.prove
async def test_what_the_tutorial_says_is_so(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_shell(
        f"exec {PROGRAM} demo", stdout=PIPE, stderr=STDOUT, cwd=tmp_path
    )
    try:
        start = await said(demo, "Ctrl-C ends the farm")
        server = re.search(r"serves on (http://\S+)", start)
        assert server is not None
        environment = {
            **os.environ,
            "BORUTA_SERVER": server[1],
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        terminal = await asyncio.create_subprocess_exec(
            *("bash", "-e"), stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=environment, cwd=tmp_path
        )
        assert terminal.stdin is not None
        beside: list[Process] = []
        for line in typed():
            command = line.replace("./run boruta", PROGRAM)
            if line.endswith(BESIDE):
                other = await asyncio.create_subprocess_shell(
                    command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=environment, cwd=tmp_path
                )
                assert other.stdin is not None
                other.stdin.close()
                await said(other, "held by request")
                beside.append(other)
                continue
            terminal.stdin.write(f"{command} </dev/null\necho {DONE}\n".encode())
            await said(terminal, f"{DONE}\n")
        for other in beside:
            async with asyncio.timeout(WITHIN):
                output, _ = await other.communicate()
            assert other.returncode == 0, output.decode()
        terminal.stdin.close()
        assert await terminal.wait() == 0
    finally:
        demo.send_signal(signal.SIGINT)
        await demo.wait()
