"""A CI job that takes longer than its sign-in keeps its board: it signs in anew by itself."""

import asyncio
import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from boruta_farm import borrow
from boruta_farm.client import config as configuration
from boruta_farm.clock import SystemClock
from boruta_farm.testing import farm
from tests.oidc.issuing import Issuing

WITHIN = 120.0
LASTS = "1m"
"""The shortest that a rule may say; half of it is over after 30 seconds."""
SIGN_INS = 3


class CiSystem(Issuing):
    """Sign a token for its job whenever that asks, as GitHub does."""

    def __init__(self, address: str) -> None:
        super().__init__(SystemClock(), address)
        self.given = threading.Semaphore(0)

    def answer(self, path: str, audience: str) -> bytes:
        """Return what is answered to a GET."""
        if path == "/job":
            self.given.release()
            token = self.sign(aud=audience, repository="acme/kernel", jti=secrets.token_hex())
            return json.dumps({"value": token}).encode()
        request = httpx.Request("GET", f"{self.issuer}{path}")
        return asyncio.run(self.handle_async_request(request)).content


@contextmanager
def ci_system() -> Iterator[CiSystem]:
    """Serve one on this machine for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = httpx.URL(self.path)
            content = system.answer(asked.path, asked.params.get("audience", ""))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        system = CiSystem(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield system
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.prove
@pytest.mark.skipif(not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing")
def test_a_job_that_outlasts_its_sign_in_keeps_its_board() -> None:
    with ci_system() as system:
        rule = {
            "issuer": system.issuer,
            "account": "ci",
            "audience": "boards",
            "claims": {"repository": "acme/*"},
            "lasts": LASTS,
        }
        settings = {"page_address": "https://farm.example", "workload": {"jobs": rule}}
        with farm(users=True, settings=settings) as local:
            local.user("ci")
            told = {
                "BORUTA_SERVER": local.address,
                "BORUTA_WORKLOAD": "1",
                "BORUTA_AUDIENCE": "boards",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{system.issuer}/job?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
            }
            config = configuration.load(environment=told)
            with borrow("rpi4", config=config, keep_alive=20, via="https") as lease:
                first = config.bearer
                # By then the first sign-in has ended.
                for _ in range(SIGN_INS):
                    assert system.given.acquire(timeout=WITHIN)
                assert lease.run("echo still here", check=True).stdout == "still here\n"
                assert lease.over is None
                assert config.bearer != first
            with local.connected() as (api, bridge):
                (request,) = bridge.run(api.requests.list_requests(api.caller)).items
            assert request.owner_name == "ci"
