"""Threat: one user reads, changes or takes what is another's."""

from pathlib import Path

import pytest

from boruta_farm.model.permission import Role
from tests.web.peopled import WORKER, PeopledWeb, peopled_web


async def filed(web: PeopledWeb, secret: str) -> str:
    created = await web.call("POST", "reqs/", secret, {"Priority": 8})
    return f"reqs/{created.json['ReqID']}"


@pytest.mark.parametrize("role", list(Role))
async def test_keys_are_for_the_owner_whatever_one_s_role(role: Role, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        place = await filed(web, await web.secret("ann", "lab"))
        other = await web.secret("bob", "lab", role=role)
        refused = await web.call("POST", f"{place}/acquire_worker", other)
        assert refused.status == 403
        assert b"Key" not in refused.body


async def test_numbers_of_requests_that_are_counted_through_open_nothing(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann, bob = await web.secret("ann"), await web.secret("bob")
        places = [await filed(web, ann) for _ in range(5)]
        for place in places:
            for verb in ("close", "prolong", "keepalive", "acquire_worker"):
                assert (await web.call("POST", f"{place}/{verb}", bob)).status == 403
        states = [(await web.call("GET", place, ann)).json["State"] for place in places]
        assert states == ["WAITING"] * 5


async def test_a_body_cannot_say_whose_a_request_is_nor_how_it_stands(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann, bob = await web.secret("ann"), await web.secret("bob", "lab")
        forged = {
            "Priority": 8,
            "Owner": {"Name": "bob", "Groups": ["lab"]},
            "State": "IN PROGRESS",
            "ID": 99,
            "Job": {"WorkerUUID": WORKER, "Timeout": "2099-01-01T00:00:00Z"},
            "Created": "1999-01-01T00:00:00Z",
        }
        created = await web.call("POST", "reqs/", ann, forged)
        place = f"reqs/{created.json['ReqID']}"
        shown = (await web.call("GET", place, bob)).json
        assert shown["Owner"] == {"Name": "ann", "Groups": []} or shown["Owner"]["Name"] == "ann"
        assert (shown["State"], shown["ID"]) == ("WAITING", created.json["ReqID"])
        assert shown["Job"] is None
        changed = await web.call("POST", place, ann, {**forged, "ID": shown["ID"], "Priority": 9})
        assert changed.status == 204
        assert (await web.call("GET", place, bob)).json["Owner"]["Name"] == "ann"


async def test_nobody_makes_himself_more_than_he_is(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        for body in (
            {"Role": "admin"},
            {"Groups": ["lab"]},
            {"Limits": {"HighestPriority": 1}},
            {"Networks": ["0.0.0.0/0"]},
            {"Disabled": False, "Role": "admin"},
        ):
            assert (await web.call("POST", "users/ann", ann, body)).status == 403, body
            assert (await web.call("POST", "users/mallory", ann, body)).status == 403, body
        me = (await web.call("GET", "me", ann)).json
        assert (me["Role"], me["Groups"]) == ("user", [])


async def test_unknown_fields_of_an_account_give_nothing(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        assert (await web.call("POST", "users/ann", web.root_secret, {})).status == 200
        for body in ({"IsAdmin": True}, {"Created": "1999-01-01T00:00:00Z"}, {"Revision": 7}):
            assert (await web.call("POST", "users/ann", web.root_secret, body)).status == 400
        shown = (await web.call("GET", "users/ann", web.root_secret)).json
        assert shown["Role"] == "user"
        assert not shown["Created"].startswith("1999")


async def test_a_group_admin_takes_no_board_that_serves_others(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        boss = await web.secret("boss", "lab", role=Role.GROUP_ADMIN)
        wanted = {"WorkerState": "MAINTENANCE"}
        place = f"workers/{WORKER}"
        for groups, status in (((), 403), (("lab", "other"), 403), (("lab",), 204)):
            await web.board(*groups)
            assert (await web.call("POST", f"{place}/setstate", boss, wanted)).status == status
        assert (await web.call("POST", f"{place}/setgroups", boss, ["other"])).status == 403
        assert (await web.call("POST", f"{place}/setgroups", boss, [])).status == 403
        assert (await web.call("POST", f"{place}/revoke", boss)).status == 403


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.AUDITOR)])
async def test_the_audit_is_not_for_everybody(role: Role, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await web.secret("ann", role=role)
        assert (await web.call("GET", "audit", secret)).status == 403
        assert (await web.call("GET", "audit/verify", secret)).status == 403
