"""Every route against every role, as docs/permissions.md says: denied unless named there."""

from pathlib import Path

import pytest
from tests.web.peopled import WORKER, PeopledWeb, peopled_web

from boruta_farm.model.permission import Role

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
ROLES = tuple(Role)
BODIES: dict[str, object] = {
    "reqs/": {"Priority": 8},
    "reqs/list": None,
    "workers/list": None,
    "workers/{worker}/setstate": {"WorkerState": "MAINTENANCE"},
    "workers/{worker}/setgroups": ["kernel"],
    "workers/{worker}/setname": "renamed",
    "workers/{worker}/describe": {"Labels": {"rack": "2"}},
    "login": None,
    "reqs/{id}/acts": {"Act": "flash"},
    "tokens/": {"Scope": "read"},
}
"""What a call takes beyond an empty object."""


def documented() -> list[tuple[str, str, dict[str, str]]]:
    """Return method, path and the word per role of each row of the page's table of routes."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 + len(ROLES) and cells[1].startswith("`/api/v1/"):
            words = dict(zip(("anybody", *ROLES), cells[2:], strict=True))
            found.append((cells[0], cells[1].strip("`").removeprefix("/api/v1/"), words))
    return found


ROUTES = documented()


async def own_request(web: PeopledWeb, secret: str) -> str:
    """Return the id of a request of the caller's own, or of Ann's if he may have none."""
    reply = await web.call("POST", "reqs/", secret, {"Priority": 8})
    return str(reply.json["ReqID"]) if reply.status == 201 else "1"


def test_the_page_holds_a_row_for_every_route() -> None:
    assert len(ROUTES) > 30
    assert all(set(words) == {"anybody", *ROLES} for _, _, words in ROUTES)


@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_may_call(tmp_path: Path, role: Role) -> None:
    async with peopled_web(tmp_path) as web:
        await web.board("kernel")
        ann = await web.secret("ann", "kernel")
        await web.call("POST", "reqs/", ann, {"Priority": 8})
        for number, (method, path, words) in enumerate(ROUTES):
            name = f"caller-{number}"
            issued = await web.people.account(web.root, name, "kernel", role=role)
            secret = issued.secret
            place = (
                path.replace("{id}", await own_request(web, secret))
                .replace("{worker}", WORKER)
                .replace("{user}", name)
                .replace("{group}", "kernel")
                .replace("{token}", issued.token.id)
            )
            reply = await web.call(method, place, secret, BODIES.get(path, {}))
            if path == "login":
                assert reply.status == 401, "login takes a one-time token only"
            elif words[role] == "-":
                assert reply.status == 403, f"{role} {method} {path} gave {reply.status}"
                assert reply.json["Code"] == "forbidden"
            else:
                assert reply.status not in (401, 403), f"{role} {method} {path}: {reply.body!r}"


SIGNING_IN = ("login", "session")
"""Calls that take a token to make another one of it."""
VOUCHED = ("sign-in", "token-exchange")
"""What calls begin with that are for whom others vouch for."""


async def test_nobody_calls_anything_but_what_is_public(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        for method, path, words in ROUTES:
            reply = await web.call(method, path.replace("{id}", "1"), None, BODIES.get(path, {}))
            if words["anybody"] == "-" or path in SIGNING_IN:
                assert reply.status == 401, f"{method} {path} gave {reply.status}"
                assert reply.headers["www-authenticate"].startswith("Bearer")
            elif path.startswith(VOUCHED):
                assert reply.status in (200, 303, 400, 404), "here nobody vouches for others"
            else:
                assert reply.status == 200


async def test_without_users_everybody_may_do_everything(tmp_path: Path) -> None:
    async with peopled_web(tmp_path, users=False) as web:
        for method, path, _ in ROUTES:
            reply = await web.call(method, path.replace("{id}", "1"), None, BODIES.get(path, {}))
            if path not in SIGNING_IN and not path.startswith(("users", "groups", "tokens")):
                assert reply.status not in (401, 403), f"{method} {path} gave {reply.status}"


async def test_a_token_signs_in_as_the_password_of_clients_that_know_no_tokens(
    tmp_path: Path,
) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await web.secret("ann", "kernel")
        filed = await web.call("POST", "reqs/", secret, {"Priority": 8}, basic=True)
        shown = await web.call("GET", f"reqs/{filed.json['ReqID']}", secret, basic=True)
        refused = await web.call("GET", "reqs/1", f"{secret}x", basic=True)
    assert shown.json["Owner"]["Name"] == "ann"
    assert refused.status == 401
