"""The page's files as they are told, and what is said where there are none."""

import gzip
from pathlib import Path

import pytest
from tests.web.serving import NewWorld, World

from boruta_farm.web.page import ANEW, FOREVER, PLACES, POLICY, StaticPage
from boruta_farm.web.services import WebOptions

INDEX = b"<!doctype html><title>Boruta</title>" + b" " * 500
SCRIPT = b"console.log('page')" * 50


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def world(new_world: NewWorld, tmp_path: Path) -> World:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "assets" / "main-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets" / "main-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / ".stamp").write_text("secret")
    return await new_world(WebOptions(page=StaticPage(folder)))


@pytest.mark.parametrize("path", [f"/{place}" for place in sorted(PLACES)])
async def test_every_place_is_the_page(path: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.get(path, headers=BROWSER)
        below = await client.get(f"/boards/a%2Fb{path}", headers=BROWSER)
    assert answer.status_code == below.status_code == 200
    assert answer.content == below.content == INDEX
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("cache-control") == [ANEW]


async def test_its_policy_lets_no_script_in_that_is_not_a_file_of_ours(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/", headers=BROWSER)
    assert answer.headers.get_list("content-security-policy") == [POLICY]
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")):
        assert answer.headers.get_list(name) == [value]


async def test_hashed_files_are_kept_for_good_and_told_packed(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/assets/main-1a2b.js")
        plain = await client.get("/assets/main-1a2b.js", headers={"accept-encoding": "identity"})
        never = await client.get("/assets/main-1a2b.js", headers={"accept-encoding": "gzip;q=0"})
    assert answer.content == plain.content == never.content == SCRIPT
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in never.headers
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_what_is_known_is_not_told_again(world: World) -> None:
    async with world.client() as client:
        tag = (await client.get("/", headers=BROWSER)).headers["etag"]
        answer = await client.get("/queue", headers={"if-none-match": tag, **BROWSER})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/index.html",
        "/assets/other.js",
        "/.stamp",
        "/assets/main-1a2b.js.gz",
        "/..%2fpyproject.toml",
    ],
)
async def test_nothing_else_is_told(path: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


async def test_the_page_is_read_only(world: World) -> None:
    async with world.client() as client:
        assert (await client.post("/")).status_code == 404


async def test_a_server_without_its_page_says_so_in_one_sentence(
    new_world: NewWorld, tmp_path: Path
) -> None:
    world = await new_world(WebOptions(page=StaticPage(tmp_path)))
    async with world.client() as client:
        answer = await client.get("/", headers=BROWSER)
        other = await client.get("/queue", headers=BROWSER)
        version = await client.get("/api/v1/version")
    assert answer.status_code == 200
    assert answer.text.startswith("This server was built without its page; ")
    assert other.status_code == 404
    assert version.status_code == 200


async def test_clients_of_the_original_find_nothing_at_the_root(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/", headers={"accept": "*/*"})
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
