"""Threat: names that are paths, and methods that nobody asked for."""

from pathlib import Path

import pytest

from tests.web.peopled import WORKER, peopled_web
from tests.web.serving import World, raw_call, served

TRICKS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%c0%af..%c0%afetc/passwd",
    "....//....//etc/passwd",
    "%00",
    "secret.key",
    "/etc/passwd",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", ["/", "/api/v1/", "/api/v1/reqs/", "/api/v1/workers/", "//"])
async def test_no_path_leads_to_a_file(place: str, trick: str) -> None:
    async with World() as world, served(world.app) as port:
        answer = await raw_call(port, "GET", place + trick)
    assert answer.status in (308, 400, 404, 405)
    assert b"root:" not in answer.body


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_methods_that_are_not_there_do_nothing(method: str) -> None:
    async with World() as world, served(world.app) as port:
        answer = await raw_call(port, method, "/api/v1/reqs/", ("X-Secret: s3cret",))
        assert answer.status in (400, 404, 405)
        assert b"s3cret" not in answer.body, "TRACE gives headers back"
        assert not await world.kept()


async def test_no_name_becomes_a_file(tmp_path: Path) -> None:
    """Users, groups, tokens and boards may try to be called what they like."""
    farm, outside = tmp_path / "farm", tmp_path / "outside"
    farm.mkdir()
    async with peopled_web(farm) as web:
        before = names(tmp_path)
        for trick in ("../outside", "..%2foutside", "/tmp/outside", "a/../../outside"):
            await web.call("POST", f"users/{trick}", web.root_secret, {"Role": "user"})
            await web.call("POST", f"groups/{trick}", web.root_secret, {})
            await web.call("POST", "tokens/", web.root_secret, {"Name": trick})
            await web.board(trick)
            await web.call("POST", f"workers/{WORKER}/setname", web.root_secret, trick)
        assert names(tmp_path) == before
    assert not outside.exists()


def names(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}
