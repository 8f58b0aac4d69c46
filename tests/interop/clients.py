"""The original's clients as programs: Go's by our own Go program, Festral's by curl."""

import asyncio
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WITHIN = 60.0
Json = Any


async def go_calls(program: Path, version: str, url: str, *calls: Json) -> list[Json]:
    """Make calls with the Go client and return results; an error comes as ``{"Error": ...}``."""
    process = await asyncio.create_subprocess_exec(
        *(program, version, url), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    async with asyncio.timeout(WITHIN):
        output, _ = await process.communicate(lines.encode())
    assert process.returncode == 0
    results = [json.loads(line) for line in output.splitlines()]
    assert len(results) == len(calls)
    return results


async def go_call(program: Path, version: str, url: str, name: str, **given: Json) -> Json:
    """Make one call; an error fails the test."""
    (answer,) = await go_calls(program, version, url, {"Call": name, **given})
    assert "Error" not in answer, (name, answer)
    return answer.get("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Carry what curl got, after redirects."""

    status: int
    body: str

    @property
    def json(self) -> Json:
        """Return the body read as JSON."""
        return json.loads(self.body)


async def curl(url: str, *arguments: str) -> Answer:
    """Call curl, which is built on the library that Festral uses."""
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed (Debian: curl)")
    process = await asyncio.create_subprocess_exec(
        *(found, "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments, url),
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN):
        output, _ = await process.communicate()
    assert process.returncode == 0
    body, _, status = output.decode().rpartition("\n")
    return Answer(status=int(status), body=body)


class Festral:
    """Talk as Festral does: no look at the status, only at the shape of what comes."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def workers(self) -> list[Json]:
        """List the boards: a POST with neither body nor Content-Length."""
        listed = await self._post("/api/v1/workers/list")
        assert isinstance(listed, list)
        for each in listed:
            assert isinstance(each["WorkerUUID"], str)
            assert isinstance(each["State"], str)
            assert isinstance(each["Caps"], dict)
            # An array, even an empty one, makes the whole list unreadable there.
            assert isinstance(each.get("Groups"), str | None)
        return listed

    async def file(self, wanted: Json) -> int:
        """File a request at the path without a version; redirects keep the method."""
        made = await self._post("/api/reqs/", "--json", json.dumps(wanted))
        assert isinstance(made["ReqID"], int)
        return int(made["ReqID"])

    async def acquire(self, request_id: int) -> Json | None:
        """Try once; None for anything but a whole access."""
        found = await self._post(f"/api/v1/reqs/{request_id}/acquire_worker")
        match found:
            case {
                "Key": str(),
                "Username": str(),
                "Addr": {"IP": str(), "Port": int(), "Zone": str()},
            }:
                return found
        return None

    async def requests(self) -> list[Json]:
        """List requests, without a body."""
        listed = await self._post("/api/v1/reqs/list")
        assert isinstance(listed, list)
        for each in listed:
            assert isinstance(each["ID"], int)
            assert isinstance(each["State"], str)
            assert isinstance(each["Caps"], dict | None)
        return listed

    async def close(self, request_id: int) -> None:
        """Close; the answer is not read."""
        await curl(f"{self._url}/api/v1/reqs/{request_id}/close", "-X", "POST")

    async def set_state(self, uuid: str, state: str) -> Answer:
        """Send a board to a state."""
        body = json.dumps({"WorkerState": state})
        return await curl(f"{self._url}/api/v1/workers/{uuid}/setstate", "--json", body)

    async def deregister(self, uuid: str) -> Answer:
        """Remove a board with an empty form."""
        return await curl(f"{self._url}/api/v1/workers/{uuid}/deregister", "--data", "")

    async def _post(self, path: str, *arguments: str) -> Json:
        return (await curl(self._url + path, "-X", "POST", "--location", *arguments)).json
