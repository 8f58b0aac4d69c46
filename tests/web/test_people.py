"""People over HTTP: signing in, whose request is whose, tokens that die at once."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.web.peopled import OPTIONS, peopled_web

from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.worker import AccessInfo


async def test_anonymous_is_refused_in_words(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        reply = await web.call("GET", "reqs/1")
        assert reply.status == 401
        assert reply.json["Code"] == "unauthenticated"
        assert "boruta login" in reply.json["message"]
        assert (await web.call("GET", "version")).status == 200


async def test_an_invited_person_signs_in_once(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        invited = await web.call("POST", "users/ann/invite", web.root_secret)
        assert invited.status == 201
        assert invited.headers["cache-control"] == "no-store"
        once = invited.json["Secret"]
        assert (await web.call("GET", "me", once)).status == 401
        signed_in = await web.call("POST", "login", once, {"Name": "desk"})
        assert signed_in.status == 201
        secret = signed_in.json["Secret"]
        me = await web.call("GET", "me", secret)
        assert (me.json["Name"], me.json["Role"], me.json["Groups"]) == ("ann", "user", [])
        assert me.json["Token"]["Name"] == "desk"
        assert (await web.call("POST", "login", once)).status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tokens/", {"Name": "nightly", "Lifetme": 3600}),
        ("users/ann", {"groups": ["kernel"]}),
        ("users/ann", {"Limits": {"Job": 1}}),
        ("groups/kernel", {"KeysForAdmin": False}),
    ],
)
async def test_a_name_written_wrongly_is_no_wish_for_the_default(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    async with peopled_web(tmp_path) as web:
        await web.secret("ann", "kernel")
        refused = await web.call("POST", path, web.root_secret, body)
        assert refused.status == 400
        assert refused.json["Code"] == "malformed-body"
        assert "there is no " in refused.json["message"]


async def test_the_owner_is_the_caller_never_the_body(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann, bob = await web.secret("ann", "kernel"), await web.secret("bob", "radio")
        body = {"Priority": 8, "Owner": {"Name": "bob", "Groups": ["radio"]}}
        created = await web.call("POST", "reqs/", ann, body)
        shown = await web.call("GET", f"reqs/{created.json['ReqID']}", bob)
        assert shown.json["Owner"] == {"Groups": ["kernel"], "Name": "ann"}


async def test_nobody_touches_another_s_request(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann, bob = await web.secret("ann", "kernel"), await web.secret("bob", "kernel")
        created = await web.call("POST", "reqs/", ann, {"Priority": 8})
        place = f"reqs/{created.json['ReqID']}"
        for method, path, body in (
            ("POST", f"{place}/close", None),
            ("POST", f"{place}/prolong", None),
            ("POST", f"{place}/keepalive", None),
            ("POST", f"{place}/acquire_worker", None),
            ("POST", place, {"Priority": 1}),
        ):
            refused = await web.call(method, path, bob, body)
            assert refused.status == 403, path
            assert "belongs to ann" in refused.json["message"]
        assert (await web.call("GET", place, bob)).json["Priority"] == 8
        assert (await web.call("POST", f"{place}/close", ann)).status == 204


async def test_an_own_ssh_key_is_shown_to_its_owner_only(tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F"
    async with peopled_web(tmp_path) as web:
        ann, bob = await web.secret("ann"), await web.secret("bob")
        created = await web.call("POST", "reqs/", ann, {"Priority": 8, "SSHKey": key})
        place = f"reqs/{created.json['ReqID']}"
        assert (await web.call("GET", place, ann)).json["SSHKey"] == key
        assert "SSHKey" not in (await web.call("GET", place, bob)).json
        assert "SSHKey" not in (await web.call("POST", "reqs/list", bob)).json[0]


async def test_a_revoked_token_is_dead_at_once_and_its_streams_end(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        issued = await web.people.account(web.root, "ann", scope=Scope.READ)
        assert (await web.call("GET", "me", issued.secret)).status == 200
        ann = web.people.farm.directory.admit(issued.secret, "192.0.2.7")
        ended = asyncio.ensure_future(web.people.farm.directory.turned_away(ann))
        revoked = await web.call("POST", f"tokens/{issued.token.id}/revoke", web.root_secret)
        assert revoked.status == 204
        assert (await web.call("GET", "me", issued.secret)).status == 401
        await asyncio.wait_for(ended, 10)


async def test_who_is_turned_away_while_he_waits_for_a_key_gets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with peopled_web(tmp_path) as web:
        issued = await web.people.account(web.root, "ann")
        asked, free = asyncio.Event(), asyncio.Event()

        async def acquire(*_: object) -> AccessInfo:
            asked.set()
            await free.wait()
            return AccessInfo(ip="", port=1, key="secret", username="user", host_key=None)

        monkeypatch.setattr(web.people.farm.requests, "acquire_worker", acquire)
        calling = asyncio.create_task(web.call("POST", "reqs/1/acquire_worker", issued.secret))
        await asyncio.wait_for(asked.wait(), 10)
        await web.people.farm.tokens.revoke(web.root, issued.token.id)
        free.set()
        reply = await asyncio.wait_for(calling, 10)
        assert reply.status == 401
        assert b"secret" not in reply.body


async def test_the_first_account_gets_its_token_though_the_farm_closes_with_it(
    tmp_path: Path,
) -> None:
    async with peopled_web(tmp_path, users=False) as web:
        invited = await web.call("POST", "users/root/invite", None, {"Role": "admin"})
        assert invited.status == 201
        assert (await web.call("GET", "reqs/1")).status == 401
        signed_in = await web.call("POST", "login", invited.json["Secret"])
        me = await web.call("GET", "me", signed_in.json["Secret"])
        assert (me.json["Name"], me.json["Role"]) == ("root", "admin")


async def test_scopes_narrow_a_role(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        reading = await web.secret("ann", scope=Scope.READ)
        assert (await web.call("GET", "workers/", reading)).status == 200
        refused = await web.call("POST", "reqs/", reading, {"Priority": 8})
        assert refused.status == 403
        assert "scope is read" in refused.json["message"]


async def test_a_network_without_tokens_counts_as_its_account(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        body = {"Networks": ["10.0.1.0/24"], "Limits": {"Waiting": 1, "HighestPriority": 7}}
        saved = await web.call("POST", "users/weles", web.root_secret, body)
        assert saved.status == 200
        created = await web.call("POST", "reqs/", None, {"Priority": 7}, source="10.0.1.5")
        assert created.status == 201
        full = await web.call("POST", "reqs/", None, {"Priority": 7}, source="10.0.1.5")
        assert (full.status, full.json["Code"]) == (429, "quota-reached")
        assert full.headers["retry-after"]
        high = await web.call("POST", "reqs/", None, {"Priority": 1}, source="10.0.1.5")
        assert high.status == 400
        assert (await web.call("POST", "reqs/", None, {"Priority": 7})).status == 401


async def test_failed_attempts_are_entered_and_slowed_down(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        wrong = "boruta_p_abc_" + "x" * 43
        replies = [await web.call("GET", "me", wrong, source="192.0.2.66") for _ in range(8)]
        assert [reply.status for reply in replies[:6]] == [401] * 6
        assert [reply.status for reply in replies[6:]] == [429] * 2
        assert replies[-1].headers["retry-after"] == "1"
        # A good token is not held up by what others do at the same address.
        assert (await web.call("GET", "me", web.root_secret, source="192.0.2.66")).status == 200
        lines = await web.call("GET", "audit?action=login.failed", web.root_secret)
        entries = lines.body.decode().splitlines()
        assert len(entries) == 3, "the 1st, 2nd and 4th"
        assert all('"Source":"192.0.2.66"' in line and wrong not in line for line in entries)


async def test_accounts_and_addresses_call_only_so_often(tmp_path: Path) -> None:
    options = replace(OPTIONS, calls_per_source=20, calls_per_account=2)
    async with peopled_web(tmp_path, options) as web:
        replies = [await web.call("GET", "version") for _ in range(101)]
        assert [reply.status for reply in replies] == [200] * 100 + [429]
        assert replies[-1].json["Code"] == "too-many-calls"
        others = [
            await web.call("GET", "me", web.root_secret, source="192.0.2.8") for _ in range(11)
        ]
        assert [reply.status for reply in others] == [200] * 10 + [429]
        assert others[-1].headers["retry-after"] == "1"


async def test_the_audit_is_exported_and_verified(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        await web.secret("ann", "kernel")
        auditor = await web.secret("eve", role=Role.AUDITOR)
        while await web.people.farm.sealer.seal():
            pass
        lines = (await web.call("GET", "audit?actor=admin&limit=2", auditor)).body.splitlines()
        assert len(lines) == 2
        verified = (await web.call("GET", "audit/verify", auditor)).json
        assert verified["Broken"] is None
        assert verified["Unsealed"] == 0
        assert (await web.call("GET", "audit?since=yesterday", auditor)).status == 400


async def test_what_concerns_people_is_not_told_to_the_outside(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        await web.secret("ann", "kernel")
        events = await web.people.store.events(0, 100)
        assert events
        assert all(event.kind.private for event in events)
        assert all(event.reason is None and event.worker is None for event in events)


@pytest.mark.parametrize(
    ("agent", "told"), [("bringup 1.2", "bringup 1.2"), ("x" * 65, None), ("a\tb", None)]
)
async def test_the_audit_tells_which_program_acted_for_somebody(
    tmp_path: Path, agent: str, told: str | None
) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        made = await web.call("POST", "tokens/", ann, {"Name": "x"}, agent=agent)
        assert made.status == 201
        line = (await web.call("GET", "audit?actor=ann", web.root_secret)).body.splitlines()[-1]
        entry = json.loads(line)
        assert (entry["Actor"], entry["Action"]) == ("ann", "token.issued")
        assert entry["Detail"].get("agent") == told
