"""Every answer bears the headers that keep browsers in their place."""

import httpx
import pytest
from tests.web.serving import World

from boruta_farm.web.hardening import ALWAYS

PATHS = ["/api/v1/version", "/api/v1/reqs/77", "/api/v1/nothing", "/healthz", "/elsewhere", "//api"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_bears_them_once(path: str) -> None:
    async with World().client() as client:
        answer = await client.get(path)
    for name, value in ALWAYS:
        assert answer.headers.get_list(name.decode()) == [value.decode()]
    assert "strict-transport-security" not in answer.headers


async def test_over_tls_it_stays_so_for_a_year_and_more() -> None:
    transport = httpx.ASGITransport(app=World().app)
    async with httpx.AsyncClient(transport=transport, base_url="https://farm") as client:
        answer = await client.get("/api/v1/version")
    policy = answer.headers["strict-transport-security"]
    assert policy == "max-age=31536000; includeSubDomains"
