import pytest
from tests.web.serving import NewWorld, World

from boruta_farm.web.services import WebOptions

PAGE = "https://lab.example"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


async def test_cors_is_off_unless_configured(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/api/v1/version", headers={"Origin": PAGE})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
        answer = await client.request("OPTIONS", "/api/v1/reqs/", headers=PREFLIGHT)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        ((), None, 201),
        ((), "http://10.1.2.3:8487", 201),
        ((), "HTTP://10.1.2.3:8487", 201),
        ((), PAGE, 403),
        ((), "null", 403),
        (("https://other.example",), PAGE, 403),
        ((PAGE,), PAGE, 201),
        (("*",), PAGE, 201),
    ],
)
async def test_pages_of_other_sites_change_nothing(
    allowed: tuple[str, ...], origin: str | None, status: int, new_world: NewWorld
) -> None:
    world = await new_world(WebOptions(cors_origins=allowed))
    headers = {} if origin is None else {"Origin": origin}
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json={"Priority": 8}, headers=headers)
    assert answer.status_code == status
    assert bool(await world.kept()) is (status == 201)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Access-Control-Request-Headers": "Content-Type, Idempotency-Key"}, True),
        ({"Access-Control-Request-Headers": "Authorization"}, False),
        ({"Access-Control-Request-Method": "DELETE"}, False),
        ({"Origin": "https://other.example"}, False),
    ],
)
async def test_preflights(headers: dict[str, str], allowed: bool, new_world: NewWorld) -> None:
    world = await new_world(WebOptions(cors_origins=(PAGE,)))
    async with world.client() as client:
        answer = await client.request("OPTIONS", "/api/v1/reqs/", headers=PREFLIGHT | headers)
    assert answer.status_code == 200
    assert answer.headers.get("access-control-allow-origin") == (PAGE if allowed else None)
    assert ("access-control-max-age" in answer.headers) is allowed


async def test_answers_differ_by_origin(new_world: NewWorld) -> None:
    world = await new_world(WebOptions(cors_origins=(PAGE,)))
    async with world.client() as client:
        known = await client.get("/api/v1/version", headers={"Origin": PAGE})
        other = await client.get("/api/v1/version", headers={"Origin": "https://other.example"})
    assert known.headers["access-control-allow-origin"] == PAGE
    assert "boruta-api-state" in known.headers["access-control-expose-headers"].lower()
    assert "access-control-allow-origin" not in other.headers
    assert known.headers["vary"] == other.headers["vary"] == "Origin"
