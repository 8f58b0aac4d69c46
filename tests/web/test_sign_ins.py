"""Signing in by a provider over HTTP: redirects, cookies, forms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import httpx
import pytest
from tests.oidc.issuing import FARM
from tests.oidc.signing_in import Signing, signing_in
from tests.web.serving import services_of

from boruta_farm.model.account import AccountChange
from boruta_farm.model.audit import AuditFilter
from boruta_farm.web.app import WebApp, build_app
from boruta_farm.web.services import WebOptions

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}
HERE = {"origin": FARM}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningWeb:
    """Carry the farm with its provider, and a browser."""

    signing: Signing
    app: WebApp
    browser: httpx.AsyncClient

    async def depart(self, query: str = "") -> dict[str, str]:
        """Go to the provider and sign in there; return what one is sent back with."""
        answer = await self.browser.get(f"/api/v1/sign-in/lab/begin{query}")
        assert answer.status_code == 303
        return self.signing.issuing.authorize(answer.headers["location"])

    async def arrive(self, told: dict[str, str]) -> httpx.Response:
        return await self.browser.get(f"/api/v1/sign-in/lab/callback?{urlencode(told)}")


@asynccontextmanager
async def signing_web(path: Path) -> AsyncIterator[SigningWeb]:
    async with signing_in(path) as signing:
        people = signing.people
        services = services_of(people.farm, people.store, people.clock)
        services = replace(services, sign_ins=signing.sign_ins)
        app = build_app(services, WebOptions(calls_per_source=0, calls_per_account=0))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=FARM) as browser:
            yield SigningWeb(signing=signing, app=app, browser=browser)


def problem(answer: httpx.Response) -> str:
    """Return why nobody was signed in, as the page hears it."""
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in"
    assert not any("session" in line for line in answer.headers.get_list("set-cookie"))
    found = [one for one in answer.headers.get_list("set-cookie") if "problem" in one]
    assert "Max-Age=60; SameSite=Strict; Secure" in found[0]
    return unquote(found[0].partition("=")[2].partition(";")[0])


async def test_a_browser_signs_in_by_a_provider(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        (known,) = (await web.browser.get("/api/v1/sign-in")).json()
        assert known["Address"] == f"{FARM}/api/v1/sign-in/lab/begin"
        begun = await web.browser.get("/api/v1/sign-in/lab/begin?place=/queue")
        asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
        assert asked["redirect_uri"] == f"{FARM}/api/v1/sign-in/lab/callback"
        (kept,) = begun.headers.get_list("set-cookie")
        assert kept.startswith("__Host-boruta_sign_in_8487=")
        assert kept.endswith("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")
        told = web.signing.issuing.authorize(begun.headers["location"])
        arrived = await web.arrive(told)
        assert (arrived.status_code, arrived.headers["location"]) == (303, "/queue")
        session, forgotten = arrived.headers.get_list("set-cookie")
        assert session.startswith("__Host-boruta_session_8487=boruta_p_")
        assert session.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure")
        assert forgotten.startswith("__Host-boruta_sign_in_8487=; Path=/; Max-Age=0")
        me = (await web.browser.get("/api/v1/me")).json()
        assert (me["Name"], me["Token"]["Provider"]) == ("ann", "lab")
        again = await web.arrive(told)
        assert "did not begin" in problem(again), "what it kept was forgotten"


@pytest.mark.prove
async def test_what_goes_wrong_is_told_to_the_page_and_entered(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        told = await web.depart()
        assert "(state)" in problem(await web.arrive({**told, "state": "mine"}))
        assert "did not begin" in problem(await web.arrive(told)), "a failed one is over"
        told = await web.depart()
        twice = f"/api/v1/sign-in/lab/callback?{urlencode(told)}&state=x"
        assert "once" in problem(await web.browser.get(twice))
        many = "&".join(f"a{number}=1" for number in range(50))
        assert "fewer" in problem(await web.browser.get(f"/api/v1/sign-in/lab/callback?{many}"))
        web.signing.issuing.claims["sub"] = ""
        problem(await web.arrive(await web.depart()))
        web.signing.issuing.instead = lambda _request: httpx.Response(500)
        assert "answers 500" in problem(await web.arrive(await web.depart()))
        reasons = [
            entry.detail["reason"]
            for entry in await web.signing.people.farm.audit.list_entries(
                web.signing.root, AuditFilter(action="login.failed")
            )
        ]
        assert "(state)" in reasons[0]


@pytest.mark.prove
async def test_a_program_signs_in_by_a_code_that_is_confirmed(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        begun = await web.browser.post("/api/v1/sign-in/lab/device", headers=HERE)
        assert begun.status_code == 201
        assert begun.json()["Code"] == "WDJB-MJHT"
        asked = {"Handle": begun.json()["Handle"], "Name": "laptop"}
        place = "/api/v1/sign-in/lab/device-token"
        waiting = (await web.browser.post(place, json=asked)).json()
        assert waiting == {"Interval": 5.0}
        web.signing.issuing.confirmed = True
        issued = (await web.browser.post(place, json=asked)).json()["Issued"]
        assert issued["Token"]["Name"] == "laptop"
        bearer = {"authorization": f"Bearer {issued['Secret']}"}
        assert (await web.browser.get("/api/v1/me", headers=bearer)).json()["Name"] == "ann"
        refused = await web.browser.post(place, json={"Handle": "x"})
        assert (refused.status_code, refused.json()["Code"]) == (401, "sign-in-refused")


@pytest.mark.prove
async def test_a_job_exchanges_its_token_as_rfc_8693_has_it(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        accounts = web.signing.people.farm.accounts
        await accounts.save_account(web.signing.root, "ci", AccountChange())
        claims = {"repository": "acme/kernel", "ref": "refs/heads/main"}
        token = web.signing.issuing.sign(**claims, aud=FARM)
        place = "/api/v1/token-exchange"
        for form, wrong in (
            ({**EXCHANGE, "subject_token": "x"}, "invalid_grant"),
            ({**EXCHANGE, "grant_type": "password"}, "invalid_request"),
            ({**EXCHANGE, "subject_token_type": "saml2"}, "invalid_request"),
            ({**EXCHANGE, "requested_token_type": "refresh"}, "invalid_request"),
            ({**EXCHANGE, "subject_token": "x" * 20000}, "invalid_request"),
        ):
            refused = await web.browser.post(place, data=form)
            assert refused.json()["error"] == wrong
            assert refused.json()["error_description"] == refused.json()["message"]
        answer = await web.browser.post(place, data={**EXCHANGE, "subject_token": token, "x": "y"})
        told = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert (told["token_type"], told["expires_in"], told["scope"]) == (
            "Bearer",
            3600,
            "request",
        )
        bearer = {"authorization": f"Bearer {told['access_token']}"}
        assert (await web.browser.get("/api/v1/me", headers=bearer)).json()["Name"] == "ci"
        again = await web.browser.post(place, data={**EXCHANGE, "subject_token": token})
        assert (again.status_code, again.json()["error"]) == (401, "invalid_grant")


@pytest.mark.prove
async def test_strangers_do_not_have_a_provider_called_at_will(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        answers = [await web.browser.post("/api/v1/sign-in/lab/device") for _ in range(70)]
        assert answers[0].status_code == 201
        assert answers[-1].status_code == 429
        assert web.signing.issuing.asked.count("/device") == 60


async def test_a_farm_where_nobody_vouches_says_so(tmp_path: Path) -> None:
    async with signing_web(tmp_path) as web:
        services = replace(
            services_of(
                web.signing.people.farm, web.signing.people.store, web.signing.people.clock
            ),
            sign_ins=None,
        )
        app = build_app(services, WebOptions())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=FARM) as client:
            assert (await client.get("/api/v1/sign-in")).json() == []
            device = await client.post("/api/v1/sign-in/lab/device")
            assert (device.status_code, device.json()["Code"]) == (404, "provider-not-found")
            exchanged = await client.post("/api/v1/token-exchange", data=EXCHANGE)
            assert exchanged.status_code == 404
            assert "takes no tokens of CI jobs" in exchanged.json()["message"]
