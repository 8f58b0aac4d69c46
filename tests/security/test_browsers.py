"""Threat: a page of another site uses the browser of somebody who may reach the farm."""

import pytest

from boruta_farm.web.services import WebOptions
from tests.web.serving import World

EVIL = "https://evil.example"
SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://10.1.2.3:8487.evil.example"])
async def test_a_form_of_another_site_files_nothing(origin: str, kind: str) -> None:
    """Such a POST needs no preflight: browsers send it at once."""
    async with World() as world, world.client() as client:
        answer = await client.post(
            "/api/v1/reqs/",
            content=b'{"Priority": 1}',
            headers={"Origin": origin, "Content-Type": kind},
        )
        assert answer.status_code == 403
        assert not await world.kept()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_changes_nothing(method: str) -> None:
    """An image's address may make a browser read; every change needs POST."""
    async with World() as world, world.client() as client:
        await client.post("/api/v1/reqs/", json={"Priority": 8})
        for verb in ("close", "prolong", "acquire_worker", "keepalive"):
            answer = await client.request(method, f"/api/v1/reqs/1/{verb}")
            assert answer.status_code in (404, 405)
        assert (await world.request(1)).state == "WAITING"


async def test_another_site_may_not_read_the_answers() -> None:
    async with World() as world, world.client() as client:
        answer = await client.get("/api/v1/workers/", headers={"Origin": EVIL})
        asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
        preflight = await client.request("OPTIONS", "/api/v1/reqs/", headers=asked)
    for found in (answer, preflight):
        assert not [name for name in found.headers if name.startswith("access-control")]


async def test_a_listed_site_is_named_and_others_are_not_echoed() -> None:
    options = WebOptions(cors_origins=("https://ci.example",))
    async with World(options) as world, world.client() as client:
        for origin, allowed in (("https://ci.example", True), (EVIL, False)):
            answer = await client.get("/api/v1/version", headers={"Origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("place", ["/", "/api/v1/", "/api/v1/reqs/", "/api/v1/workers/"])
async def test_what_a_link_smuggles_in_is_never_a_page(place: str) -> None:
    async with World() as world, world.client() as client:
        answer = await client.get(place + SCRIPT)
    assert answer.status_code >= 400
    assert not answer.headers.get("content-type", "").startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_no_cookie_is_set_but_by_signing_in() -> None:
    """Without it a browser carries no authority of its user that a page could borrow."""
    async with World() as world, world.client() as client:
        for path in ("/api/v1/version", "/api/v1/reqs/1", "/healthz"):
            assert "set-cookie" not in (await client.get(path)).headers
