"""Signing in with a browser: a cookie that scripts cannot read and other sites cannot use."""

import json
from pathlib import Path

import httpx
import pytest
from tests.web.peopled import PeopledWeb, peopled_web

from boruta_farm.model.permission import Role
from boruta_farm.web.cookies import session_of
from boruta_farm.web.services import WebOptions

FARM = "http://farm:8487"
OWN = {"origin": FARM}


def browser(web: PeopledWeb, base: str = FARM) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=web.app), base_url=base)


async def sign_in(client: httpx.AsyncClient, secret: str) -> httpx.Response:
    bearer = {"authorization": f"Bearer {secret}", "origin": str(client.base_url).rstrip("/")}
    return await client.post("/api/v1/session", headers=bearer)


async def test_a_one_time_token_becomes_a_session_once(tmp_path: Path) -> None:
    async with peopled_web(tmp_path, signed_in=False) as web, browser(web) as client:
        answer = await sign_in(client, web.first)
        assert answer.status_code == 201
        assert "Secret" not in answer.json(), "the secret is the cookie's alone"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("boruta_session_8487=boruta_p_")
        assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
        me = (await client.get("/api/v1/me")).json()
        assert (me["Name"], me["Role"], me["Token"]["Name"]) == ("admin", "admin", "page")
        async with browser(web) as other:
            assert (await sign_in(other, web.first)).status_code == 401


async def test_over_tls_the_cookie_stays_there(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web, browser(web, "https://farm") as client:
        answer = await sign_in(client, web.root_secret)
        assert (await client.get("/api/v1/me")).json()["Name"] == "admin"
        body = json.dumps({"Priority": 8})
        for scheme, status in (("http", 403), ("https", 201)):
            headers = {"origin": f"{scheme}://farm"}
            filed = await client.post("/api/v1/reqs/", content=body, headers=headers)
            assert filed.status_code == status, "a page without TLS is anybody's on the way"
    assert answer.headers["set-cookie"].startswith("__Host-boruta_session=")
    assert answer.headers["set-cookie"].endswith("; SameSite=Strict; Secure")


async def test_a_session_ends_with_the_token_that_it_was_made_of(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web, browser(web) as client:
        secret = await web.secret("ann")
        await sign_in(client, secret)
        assert (await client.get("/api/v1/me")).json()["Name"] == "ann"
        number = secret.split("_")[2]
        await web.people.farm.tokens.revoke(web.root, number)
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_signing_out_makes_the_cookie_worthless(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web, browser(web) as client:
        await sign_in(client, web.root_secret)
        kept = dict(client.cookies)
        answer = await client.post("/api/v1/session/end", headers=OWN)
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        for name, value in kept.items():
            client.cookies.set(name, value)
        assert (await client.get("/api/v1/me")).status_code == 401
        bearer = {"authorization": f"Bearer {web.root_secret}"}
        assert (await client.get("/api/v1/me", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://farm:9999", "https://farm:8487.evil.example", "http://evil.example", None]
)
@pytest.mark.parametrize("cors", [(), ("*",), ("http://evil.example",)])
async def test_no_other_page_changes_anything_with_the_cookie(
    tmp_path: Path, origin: str | None, cors: tuple[str, ...]
) -> None:
    options = WebOptions(calls_per_source=0, calls_per_account=0, cors_origins=cors)
    async with peopled_web(tmp_path, options) as web, browser(web) as client:
        await sign_in(client, web.root_secret)
        headers = {} if origin is None else {"origin": origin}
        body = json.dumps({"Priority": 8})
        refused = await client.post("/api/v1/reqs/", content=body, headers=headers)
        assert refused.status_code == 403
        assert (await client.post("/api/v1/reqs/", content=body, headers=OWN)).status_code == 201


async def test_a_token_of_boards_and_a_wrong_one_are_refused_and_noted(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web, browser(web) as client:
        assert (await client.post("/api/v1/session", headers=OWN)).status_code == 401
        wrong = web.root_secret[:-3] + "xyz"
        assert (await sign_in(client, wrong)).status_code == 401
        assert (await client.get("/api/v1/me")).status_code == 401
        bearer = {"authorization": f"Bearer {web.root_secret}"}
        audit = await client.get("/api/v1/audit?action=login.failed", headers=bearer)
        assert audit.text.count("login.failed") == 1
        assert wrong.split("_")[-1] not in audit.text


async def test_guessed_cookies_are_slowed_as_tokens_are_and_hold_up_no_good_one(
    tmp_path: Path,
) -> None:
    async with peopled_web(tmp_path) as web, browser(web) as client, browser(web) as good:
        await sign_in(good, web.root_secret)
        (name,) = good.cookies
        found = []
        for guess in range(8):
            client.cookies.set(name, f"boruta_p_abc_{guess:043}")
            found.append((await client.get("/api/v1/me")).status_code)
        assert found == [401] * 6 + [429] * 2
        assert (await good.get("/api/v1/me")).status_code == 200


async def test_a_session_carries_no_more_than_its_token(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web, browser(web) as client:
        await sign_in(client, await web.secret("eve", role=Role.VIEWER))
        answer = await client.post("/api/v1/reqs/", content=b'{"Priority": 8}', headers=OWN)
        assert answer.status_code == 403
        assert (await client.get("/api/v1/workers/")).status_code == 200


@pytest.mark.parametrize(
    "cookie", ["", "x", "boruta_session=", "a=\x00", "boruta_session_99=boruta_p"]
)
def test_odd_cookies_are_none(cookie: str) -> None:
    headers = [(b"host", b"farm:8487"), (b"cookie", cookie.encode())]
    assert session_of({"headers": headers, "scheme": "http"}) is None
