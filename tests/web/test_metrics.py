import pytest
from tests.web.serving import World

from boruta_farm.web.metrics import Traffic


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_figures_are_where_scrapers_look(path: str) -> None:
    async with World() as world, world.client() as client:
        await client.get("/api/v1/version")
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counted = 'boruta_http_answers_total{method="GET",route="version",status="200"} 1.0'
    assert counted in answer.text.splitlines()


async def test_strangers_cannot_make_the_figures_grow() -> None:
    async with World() as world, world.client() as client:
        for number in range(50):
            await client.get(f"/api/v1/reqs/{number}")
            await client.get(f"/api/v1/nope/{number}")
        assert set(world.services.traffic.answers) == {("GET", "reqs/{id}", 404)}


def test_answers_count_by_route_and_status() -> None:
    traffic = Traffic()
    traffic.note("GET", "version", 200, 0.0004)
    traffic.note("GET", "version", 200, 0.3)
    traffic.note("GET", "version", 500, 0.1)
    good = traffic.answers["GET", "version", 200]
    assert (sum(good.counts), good.counts[0]) == (2, 1)
    assert good.total == pytest.approx(0.3004)
