"""Signing in by a real provider (npm's oidc-provider): in a browser, by a code, as a CI job."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.cli.stage import MAIN
from tests.page.browser import chromium, needs_browser
from tests.ports import free_port

PROVIDER = Path(__file__).parent / "provider"
STEPS = Path(__file__).parents[2] / "integrations" / "shell" / "boruta-job.sh"
WITHIN = 90
FORM = re.compile(r"<form[^>]*action=\"([^\"]+)\"", re.IGNORECASE)
FIELD = re.compile(r"<input([^>]*)>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"(\w+)=\"([^\"]*)\"")
OPENED = re.compile(r"open (\S+)")
CODE = re.compile(r"the code (\S+)")

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(
        not all(map(shutil.which, ("node", "npm"))), reason="Node.js is missing (node, npm)"
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Hold a farm that people sign in to by the provider, and a way to run its command."""

    folder: Path
    address: str
    issuer: str
    accounts: Path

    def run(
        self, *arguments: str, stdin: str = "", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command line as somebody with a home of his own."""
        return subprocess.run(
            (sys.executable, "-c", MAIN, *arguments),
            input=stdin,
            env=self.environment("desk") | more,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )

    def environment(self, home: str) -> dict[str, str]:
        place = self.folder / home
        place.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {**kept, "HOME": str(place), "BORUTA_SERVER": self.address}

    def say(self, **people: dict[str, object]) -> None:
        """Have the provider know these people from now on."""
        self.accounts.write_text(json.dumps(people))


def told_line(process: "subprocess.Popen[str]", start: str) -> str:
    """Return the line of a process that begins like this, once it has said it."""
    assert process.stdout is not None
    for line in process.stdout:
        if start in line:
            return line
    raise AssertionError(f"it ended ({process.wait()}) before it said {start!r}")


@contextmanager
def running(
    command: tuple[str, ...],
    start: str,
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[str]:
    """Run a program for the block, which begins when it has said that it serves."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, env=env
    )
    assert process.stdout is not None
    rest = threading.Thread(target=process.stdout.read)
    alarm = threading.Timer(WITHIN, process.kill)
    alarm.start()
    try:
        line = told_line(process, start)
        alarm.cancel()
        rest.start()
        yield line
    finally:
        alarm.cancel()
        process.terminate()
        process.wait(WITHIN)
        if rest.ident is not None:
            rest.join(WITHIN)
        process.stdout.close()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("idp")
    for name in ("package.json", "provider.mjs"):
        shutil.copy(PROVIDER / name, folder)
    got = subprocess.run(
        ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if got.returncode:
        pytest.skip(f"npm gets no packages here: {got.stderr[-300:]}")
    return folder


@pytest.fixture
def lab(installed: Path, tmp_path: Path) -> Iterator[Lab]:
    farm, provider = free_port(), free_port()
    address, issuer = f"http://127.0.0.1:{farm}", f"http://127.0.0.1:{provider}"
    secret = secrets.token_urlsafe()
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "secret").chmod(0o600)
    clients = tmp_path / "clients.json"
    grants = ["authorization_code", "refresh_token"]
    device_code = "urn:ietf:params:oauth:grant-type:device_code"
    clients.write_text(
        json.dumps(
            [
                {
                    "client_id": "boruta",
                    "client_secret": secret,
                    "redirect_uris": [f"{address}/api/v1/sign-in/lab/callback"],
                    "grant_types": [*grants, device_code],
                },
                {
                    # What a CI system would make its tokens for.
                    "client_id": address,
                    "token_endpoint_auth_method": "none",
                    "application_type": "native",
                    "redirect_uris": [],
                    "grant_types": [device_code],
                    "response_types": [],
                },
            ]
        )
    )
    config = tmp_path / "boruta.toml"
    config.write_text(
        f"""
users = true
api_addr = "127.0.0.1:{farm}"
page_address = "{address}"
data = "{tmp_path / "data"}"
keep_relay = false
keys_ready = 1

[provider.lab]
title = "Lab account"
issuer = "{issuer}"
client_id = "boruta"
client_secret_file = "{tmp_path / "secret"}"
scopes = "profile, groups, offline_access"
groups = {{ embedded = "kernel" }}
judged_every = "1m"

[workload.jobs]
issuer = "{issuer}"
account = "ci"
claims = {{ repository = "acme/*", ref = "refs/heads/*" }}
"""
    )
    config.chmod(0o600)
    held = Lab(folder=tmp_path, address=address, issuer=issuer, accounts=tmp_path / "accounts.json")
    held.say(ann={"preferred_username": "ann", "name": "Ann Able", "groups": ["embedded"]})
    node = ("node", "provider.mjs", str(provider), str(held.accounts), str(clients))
    serve = (sys.executable, "-c", MAIN, "serve", "--config", str(config))
    with (
        running(node, "serving", cwd=installed),
        running(serve, "boruta_o_", env=held.environment("server")) as line,
    ):
        token = re.search(r"boruta_o_\S+", line)
        assert token is not None
        signed = held.run("login", stdin=token[0])
        assert signed.returncode == 0, signed.stderr
        yield held


def submit(browser: httpx.Client, page: httpx.Response, **given: str) -> httpx.Response:
    """Send the form of a page, its hidden fields with what a person types."""
    action = FORM.search(page.text)
    assert action is not None, page.text
    fields = {}
    for found in FIELD.findall(page.text):
        told = dict(ATTRIBUTE.findall(found))
        if told.get("type") == "hidden":
            fields[told["name"]] = unescape(told.get("value", ""))
    place = urljoin(str(page.url), unescape(action[1]))
    return browser.post(place, data={**fields, **given})


def agree(browser: httpx.Client, page: httpx.Response, login: str) -> httpx.Response:
    """Sign in at the provider, agree to all that is asked, and return where that leads."""
    for _ in range(5):
        if 'name="login"' in page.text:
            page = submit(browser, page, login=login, password="any")
        elif "/interaction/" in str(page.url):
            page = submit(browser, page)
        else:
            return page
    raise AssertionError(page.text)


def confirm(lab: Lab, address: str, code: str, login: str) -> None:
    """Confirm a code in a browser that has nothing to do with who asks for it."""
    with httpx.Client(follow_redirects=True, timeout=WITHIN) as browser:
        page = submit(browser, browser.get(address.partition("?")[0]), user_code=code)
        page = submit(browser, page, confirm="yes")
        page = agree(browser, page, login)
        assert "signed" in page.text.lower() or "success" in page.text.lower(), page.text


def test_a_browser_comes_in_and_is_judged_again(lab: Lab) -> None:
    lab.run("group", "add", "kernel")
    with httpx.Client(base_url=lab.address, follow_redirects=True, timeout=WITHIN) as browser:
        (known,) = browser.get("/api/v1/sign-in").json()
        assert known["Title"] == "Lab account"
        page = agree(browser, browser.get(f"{known['Address']}?place=/queue"), "ann")
        assert str(page.url) == f"{lab.address}/queue"
        me = browser.get("/api/v1/me").json()
        assert (me["Name"], me["Groups"], me["Token"]["Provider"]) == ("ann", ["kernel"], "lab")
        shown = lab.run("user", "show", "ann")
        assert f"{lab.issuer} ann" in shown.stdout
        away = lab.run("user", "set", "ann", "--disable")
        assert away.returncode == 0, away.stderr
        assert browser.get("/api/v1/me").status_code == 401


@needs_browser
def test_the_page_comes_in_by_its_button(lab: Lab) -> None:
    """The session's cookie is Strict and the way back comes from another site: a browser tells."""
    lab.say(
        ann={"preferred_username": "ann", "name": "Ann"},
        admin={"preferred_username": "admin", "name": "Not the admin"},
    )
    with chromium() as browser:
        for login, word in (("admin", "no account could be made"), ("ann", "")):
            page = browser.new_context().new_page()
            page.route("https://fonts.googleapis.com/**", lambda route: route.abort())
            page.goto(f"{lab.address}/queue")
            page.get_by_role("link", name="Sign in by Lab account").click()
            page.locator("[name=login]").fill(login)
            page.locator("[name=password]").fill("any")
            page.locator("[type=submit]").click()
            page.locator("[type=submit]").click()
            if word:
                page.get_by_role("alert").get_by_text(word).wait_for()
                assert page.url == f"{lab.address}/sign-in"
                page.reload()
                page.get_by_role("link", name="Sign in by Lab account").wait_for()
                assert page.get_by_role("alert").count() == 0, "it is told once"
            else:
                page.get_by_role("heading", name="Nobody waits").wait_for()
                assert page.url == f"{lab.address}/queue"
                page.get_by_label("Account and help").get_by_text("ann").wait_for()
                page.reload()
                page.get_by_label("Account and help").get_by_text("ann").wait_for()


def test_the_command_line_comes_in_by_a_code(lab: Lab) -> None:
    environment = lab.environment("laptop")
    command = (sys.executable, "-c", MAIN, "login", "--provider", "lab", "--name", "laptop")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    alarm = threading.Timer(WITHIN, process.kill)
    alarm.start()
    assert process.stderr is not None
    try:
        place = OPENED.search(process.stderr.readline())
        code = CODE.search(process.stderr.readline())
        assert place is not None
        assert code is not None
        confirm(lab, place[1], code[1], "ann")
        rest = process.stderr.read()
        assert process.wait() == 0, rest
        assert "signed in to" in rest
        assert "as ann (user)" in rest
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        process.stderr.close()
    who = subprocess.run(
        (sys.executable, "-c", MAIN, "whoami"),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ann" in who.stdout, who.stderr


def test_a_ci_job_comes_in_by_its_own_token(lab: Lab) -> None:
    lab.run("user", "add", "ci", "--no-invite")
    lab.say(
        job={"repository": "acme/kernel", "ref": "refs/heads/main"},
        evil={"repository": "evil/kernel", "ref": "refs/heads/main"},
    )
    for login, word in (("evil", "no workload rule"), ("job", "")):
        token = token_of(lab, login)
        done = lab.run("login", "--workload", "--print", BORUTA_ID_TOKEN=token)
        if word:
            assert done.returncode == 1
            assert word in done.stderr
            continue
        assert done.returncode == 0, done.stderr
        who = lab.run("whoami", BORUTA_TOKEN=done.stdout.strip())
        assert "ci" in who.stdout.split()
        script(lab, token_of(lab, login))
        again = lab.run("login", "--workload", "--print", BORUTA_ID_TOKEN=token)
        assert "counts once" in again.stderr
        assert token not in again.stderr


def script(lab: Lab, token: str) -> None:
    """Run the steps that CI systems run; there is no board, which is told to all who ask."""
    boruta = lab.folder / "boruta"
    boruta.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{MAIN}" "$@"\n')
    boruta.chmod(0o700)
    done = subprocess.run(
        ("sh", str(STEPS)),
        env=lab.environment("ci")
        | {"BORUTA": str(boruta), "BORUTA_WANT": "rpi4", "BORUTA_RUN": "true", "BORUTA_WAIT": "1s"}
        | {"BORUTA_ID_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert "signed" not in done.stderr
    assert "401" not in done.stderr
    assert "no board" in done.stderr, done.stderr


def token_of(lab: Lab, login: str) -> str:
    """Return a token that the provider signs for the farm, as a CI system gives one to a job."""
    with httpx.Client(base_url=lab.issuer, timeout=WITHIN) as client:
        asked = {"client_id": lab.address, "scope": "openid"}
        begun = client.post("/device/auth", data=asked).json()
        confirm(lab, begun["verification_uri"], begun["user_code"], login)
        grant = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": begun["device_code"],
            "client_id": lab.address,
        }
        return str(client.post("/token", data=grant).json()["id_token"])
