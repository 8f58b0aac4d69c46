"""HTTP clients as they are installed, with their own defaults, in front of our server."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from tests.server.speaking import Echo, speaking

JAVA = Path(__file__).parent / "jdk" / "Caller.java"
WITHIN = 120.0


async def output(*command: str) -> str:
    """Return what a program prints."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(WITHIN):
        told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    return told.decode()


async def test_a_java_program_is_heard_and_answered() -> None:
    async with speaking(Echo()) as port:
        told = await output("java", "-XX:TieredStopAtLevel=1", str(JAVA), port.url)
    assert told.split("\n") == ["heard", "heard", "heard", "one two ", ""]


async def test_a_go_program_that_wishes_for_http_2_beside_a_body_is_heard(goclient: Path) -> None:
    app = Echo()
    async with speaking(app) as port:
        told = await output(str(goclient), "upgrade", port.url)
    assert told.splitlines() == [
        f"{form} 200 true" for form in ("sized", "chunked", "large", "expected")
    ]
    assert app.heard == ["POST /file"] * 4


@pytest.mark.parametrize("version", ["--http2", "--http1.1", "--http1.0"])
@pytest.mark.parametrize("under", ["plain", "tls"])
async def test_curl_is_heard_and_answered(under: str, version: str, tmp_path: Path) -> None:
    async with speaking(Echo(), tls=tmp_path if under == "tls" else None) as port:
        trust = [] if port.authority is None else ["--cacert", str(port.authority)]
        curl = ["curl", "-sS", version, "--noproxy", "*", *trust]
        small = await output(*curl, "-d", "body", f"{port.url}/file")
        # Above one mebibyte curl asks for leave first.
        large = tmp_path / "large"
        large.write_text("x" * 1_500_000)
        told = await output(*curl, "--data-binary", f"@{large}", f"{port.url}/file")
        stream = await output(*curl, f"{port.url}/stream")
    assert json.loads(small)["body"] == "body"
    assert len(json.loads(told)["body"]) == 1_500_000
    assert stream == "one two "
