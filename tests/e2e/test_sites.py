"""A site's relay as a process beside real boards, and what is refused at its start."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.e2e.stage import in_own_network, needs_ssh


@needs_ssh
@pytest.mark.prove
async def test_a_site_goes_on_without_headquarters_and_headquarters_without_its_relay(
    tmp_path: Path,
) -> None:
    text = await in_own_network("tests.e2e.far_site", tmp_path)
    assert "at the site: hello" in text
    assert "without headquarters: still here" in text
    assert "without a server: here, too" in text
    assert "with the server again: and on" in text
    assert "killed: by the server's relay after" in text
    assert "by the server's relay: hello" in text
    assert "by the site's again: hello" in text
    assert "stopped: by the server's relay after" in text
    assert "the job's end: 255" in text
    assert "afterwards: 255" in text


async def refused(*words: str) -> str:
    """Return why ``boruta relay`` does not start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.cli", "relay", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 1, output
    return output.decode()


async def test_what_is_wrong_at_its_start_is_said(tmp_path: Path) -> None:
    file = str(tmp_path / "credential")
    usual = ("--server", "http://farm.example", "--credential", file)
    assert "'Lab' is no name of a site" in await refused("--site", "Lab", *usual)
    ftp = ("--site", "b", "--server", "ftp://farm.example", "--credential", file)
    assert "--server: 'ftp://farm.example' is no address" in await refused(*ftp)
    nowhere = await refused("--site", "b", *usual[:3], str(tmp_path / "none" / "credential"))
    assert "none/credential: No such file or directory" in nowhere
    (tmp_path / "credential").write_text("short\n")
    (tmp_path / "credential").chmod(0o644)
    assert "everybody on this machine can read this file" in await refused("--site", "b", *usual)
    (tmp_path / "credential").chmod(0o600)
    assert "holds no credential; remove the file" in await refused("--site", "b", *usual)
