"""Every answer bears the headers that keep browsers in their place."""

import httpx
import pytest
from tests.web.serving import World

WANTED = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
}
PATHS = ["/api/v1/version", "/api/v1/reqs/77", "/api/v1/nothing", "/healthz", "/elsewhere", "//api"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_bears_them_once(path: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.get(path)
    for name, value in WANTED.items():
        assert answer.headers.get_list(name) == [value]
    assert "strict-transport-security" not in answer.headers


async def test_over_tls_it_stays_so_for_a_year_and_more(world: World) -> None:
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://farm") as client:
        answer = await client.get("/api/v1/version")
    policy = answer.headers["strict-transport-security"]
    assert policy == "max-age=31536000; includeSubDomains"
