"""Every call of the API is shown with curl, and each of these lines does what it says."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from boruta_farm.client.farm import Farm
from boruta_farm.client.lease import hold
from boruta_farm.farm.consoles import FarmConsoles
from boruta_farm.model.console import ConsoleChunk
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing import LocalFarm, farm
from tests.docs.curls import CURLS, Curl
from tests.web.serving import World, routes_of

WITHIN = 60.0
ENDLESS = "28"
"""curl's status where its time is over, which is how a stream that does not end is left."""
UNVOUCHED = ("sign-in/{provider}/device", "sign-in/{provider}/device-token", "token-exchange")
FINE = {
    "events": (0, int(ENDLESS)),
    "door": (22,),
    "reqs/{id}/nudge": (22,),
    **dict.fromkeys(UNVOUCHED, (22,)),
}
"""Statuses other than 0 that are right: this farm has no front door, and says how one is opened;
the board is held by him who asks; and nobody vouches for others here."""


def test_every_call_is_shown() -> None:
    shown = {(curl.method, curl.path) for curl in CURLS}
    assert shown == {(route.method, route.path) for route in routes_of(World())}


def test_what_a_line_needs_was_kept_before() -> None:
    kept = {"FARM", "TOKEN"}
    for curl in CURLS:
        assert set(re.findall(r"\$([A-Z_]+)", curl.line)) <= kept, curl.line
        kept |= {curl.keep}


@pytest.fixture
def console_kept(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set once a board's agent has handed over what a console said.

    No event of the farm tells that; the server is in this process.
    """
    kept = threading.Event()
    keep = FarmConsoles.keep

    async def noted(self: FarmConsoles, uuid: str, epoch: int, chunk: ConsoleChunk) -> None:
        await keep(self, uuid, epoch, chunk)
        kept.set()

    monkeypatch.setattr(FarmConsoles, "keep", noted)
    return kept


@pytest.mark.prove
@pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "ssh", "ssh-keygen"))),
    reason="curl or openssh-client is missing",
)
def test_each_line_does_what_it_says(tmp_path: Path, console_kept: threading.Event) -> None:
    key = tmp_path / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    with farm(users=True) as local:
        variables = {"FARM": f"{local.address}/api/v1", "TOKEN": str(local.config.token)}
        for curl in CURLS:
            if curl.path == "reqs/{id}/console":
                assert console_kept.wait(WITHIN)
            answer = _made(curl, variables, tmp_path)
            if curl.path == "reqs/{id}/sessions":
                _talk(local, int(variables["REQUEST"]))
            if curl.path == "workers/{worker}/setstate":
                _await_maintenance(local)
            if curl.keep:
                found = json.loads(answer)
                for name in curl.of:
                    found = found[name]
                variables[curl.keep] = str(found)


def _made(curl: Curl, variables: dict[str, str], folder: Path) -> str:
    """Return what is answered to a line, typed as the page shows it."""
    limit = "2" if curl.path == "events" else "30"
    script = f'curl() {{ command curl -sS --fail-with-body --max-time {limit} "$@"; }}\n{curl.line}'
    done = subprocess.run(
        ("bash", "-c", script),
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    fine = FINE.get(curl.path, (0,))
    assert done.returncode in fine, (curl.line, done.stdout, done.stderr)
    return done.stdout


def _talk(local: LocalFarm, request: int) -> None:
    """Have the device's console say something, by the request's own access."""
    with local.connected() as (api, bridge):
        caller = api.caller
        access = bridge.run(api.requests.acquire_worker(caller, request))
        record = bridge.run(api.requests.get_request_info(caller, request))
        with bridge.enter(hold(api, record, access)) as lease:
            bridge.run(lease.power.on())
            bridge.run(lease.console.expect("imagined"))


def _await_maintenance(local: LocalFarm) -> None:
    async def come(api: Farm) -> None:
        async with asyncio.timeout(WITHIN), api.watch() as happenings:
            async for _ in happenings:
                (board,) = (await api.workers.list_workers(api.caller)).items
                if board.state is WorkerState.MAINTENANCE:
                    return

    with local.connected() as (api, bridge):
        bridge.run(come(api))
