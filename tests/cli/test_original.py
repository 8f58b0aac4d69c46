"""The command line on an original server: what can be done there is done, the rest is said."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boruta_farm.model.request import RequestState
from boruta_farm.web.calls import DIRECT
from tests.cli.stage import Boruta, Stage
from tests.client.serving import PUBLIC_KEY, Served, uuid_of

ROUTES = {
    "reqs": {"GET": ("",), "POST": ("", "close", "prolong", "acquire_worker")},
    "workers": {"GET": ("",), "POST": ("setstate", "setgroups", "deregister")},
}
KEYS = {
    *("ID", "Priority", "Owner", "Deadline", "ValidAfter", "State", "Job", "Caps", "ReqID"),
    *("WorkerUUID", "Timeout", "Groups", "Addr", "Key", "Username", "IP", "Port", "Zone"),
    *("message", "Server", "API_Version", "API_State"),
}
"""All keys of the original's answers; what stands in Caps is the boards' own."""


class Original:
    """Show a farm as the original's server would: its routes, its keys, no waiting."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/api/v1/").strip("/")
        if not served_there(scope["method"], path):
            body = json.dumps({"message": f"/api/v1/{path} not found"}).encode()
            await send({"type": "http.response.start", "status": 404, "headers": JSON})
            await send({"type": "http.response.body", "body": body})
            return
        kept = [(name, value) for name, value in scope["headers"] if name != b"prefer"]
        start: Message = {}
        body = b""

        async def lessened(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                less = json.dumps(lessen(json.loads(body))).encode() if body else b""
                headers = [h for h in start["headers"] if h[0] != b"content-length"]
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": less})

        async def understood() -> Message:
            message = await receive()
            if path == "reqs" and message.get("body"):
                message["body"] = json.dumps(lessen(json.loads(message["body"]))).encode()
            return message

        plain = {**scope, "headers": kept}
        # Or body and answer would go past us.
        plain.pop(DIRECT, None)
        await self._app(plain, understood, lessened)


JSON = [(b"content-type", b"application/json")]


def served_there(method: str, path: str) -> bool:
    kind, _, rest = path.partition("/")
    if path == "version" or rest == "list":
        return True
    verb = rest.partition("/")[2]
    return verb in ROUTES.get(kind, {}).get(method, ())


def lessen(value: Any) -> Any:
    if isinstance(value, list):
        return [lessen(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item if key == "Caps" else lessen(item) for key, item in value.items() if key in KEYS
    }


@pytest.fixture(autouse=True)
def original(served: Served) -> None:
    """Make the server the original's, with a free board."""
    served.board(1, "no-name-there", caps={"board": "rpi4"})
    served.put_behind(Original)


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage for real processes."""
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


def test_a_board_is_borrowed(stage: Stage, served: Served) -> None:
    outcome = stage.run("ssh", uuid_of(1), "--wait", "1m", "--", "uname")
    assert outcome.status == 0, outcome.err
    assert stage.arguments[-2:] == ["boruta-user@127.0.0.1", "uname"]
    assert f"request 1: {uuid_of(1)} until" in outcome.err
    assert "tells no host key" in outcome.err
    assert "Traceback" not in outcome.err
    assert served.request(1).state is RequestState.DONE
    stage.assert_nothing_left()


def test_a_request_is_connected_to(boruta: Boruta, stage: Stage, served: Served) -> None:
    assert boruta("new", "-c", "board=rpi4").out == "1\n"
    outcome = stage.run("ssh", "1", "--", "uname")
    assert outcome.status == 0, outcome.err
    assert served.request(1).state is RequestState.IN_PROGRESS
    boruta("acquire", "1")
    boruta("close", "1")


def test_a_board_that_is_taken_is_waited_for(boruta: Boruta, stage: Stage, served: Served) -> None:
    boruta("new", "-c", "board=rpi4")
    outcome = stage.run("ssh", "-c", "board=rpi4", "--wait", "500ms")
    assert outcome.status == 255
    assert "had no board within the time" in outcome.err
    assert served.request(2).state is RequestState.CANCELLED


def test_no_board_is_lent_that_was_not_asked_for(
    boruta: Boruta, stage: Stage, tmp_path: Path
) -> None:
    key = tmp_path / "key.pub"
    key.write_text(f"{PUBLIC_KEY}\n")
    outcome = stage.run("ssh", "-s", "board = muxpi", "--", "uname")
    assert outcome.status == 255
    told = "is of the original Boruta, which cannot do this (it knows no"
    assert f"{told} selectors)" in outcome.err
    assert f"{told} keys of one's own)" in boruta("new", "--key", str(key), status=1).err
    assert boruta("ls", "-o", "ids").out == ""


def test_lists_and_records_are_shown(boruta: Boruta) -> None:
    boruta("new", "-c", "board=rpi4")
    for verb in ("ls", "workers", "show 1", f"worker show {uuid_of(1)}", "version"):
        assert boruta(*verb.split()).err == "", verb


def test_a_job_is_prolonged_by_what_that_server_gives(boruta: Boruta) -> None:
    boruta("new", "-c", "board=rpi4")
    assert boruta("prolong", "1").out.startswith("until ")


def test_no_time_is_shown_that_was_not_told(boruta: Boruta) -> None:
    boruta("new", "-c", "board=rpi4")
    told = boruta("show", "1").out
    assert re.search("^Until ", told, re.MULTILINE)
    assert not re.search("^(Granted|At most until) ", told, re.MULTILINE)
    assert re.search("^Since +not told", boruta("worker", "show", uuid_of(1)).out, re.MULTILINE)
    header, row = boruta("workers", "--columns", "since,state").lines
    assert (header.split(), row.split()) == (["SINCE", "STATE"], ["RUNNING"])


CANNOT = (
    "explain 1",
    "events",
    "user list",
    "token list",
    "audit",
    "clock show",
    "whoami",
    "export",
    f"worker set {uuid_of(1)} --notes x",
    f"worker rename {uuid_of(1)} x",
    "ls board=rpi4",
    "workers board=rpi4",
    "new -s board=rpi4",
    "new -s board=rpi4 --wait 1m",
    "new board=rpi4 --for 2h",
    "update 1 -c board=x",
    "update 1 --for 2h",
    "prolong 1 +30m",
    "prolong 1 --until 23:59",
)


def test_what_cannot_be_done_there_is_said(boruta: Boruta) -> None:
    boruta("new", "-c", "board=rpi4")
    for verb in CANNOT:
        words = boruta(*verb.split(), status=1).err
        assert "is of the original Boruta, which cannot do this" in words, verb
    assert boruta("ls", "-o", "ids").out == "1\n", "what was filed is closed"
