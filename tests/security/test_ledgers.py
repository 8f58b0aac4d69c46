"""Threat: who fills the audit drives out of it what others did: it is cut off by number too."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.farm.requests import SHARINGS_AT_ONCE
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.web.auth import CHANGES_AT_ONCE, NOTED_AT_ONCE
from tests.boards.lab import Lab, play
from tests.web.peopled import PeopledWeb, peopled_web

TRIES = 300
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f bob"


async def entered(web: PeopledWeb) -> Counter[str]:
    entries = await web.people.store.audit(AuditFilter())
    return Counter(entry.action for entry in entries)


async def test_failed_sign_ins_of_one_address_are_told_by_doubling(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        for number in range(TRIES):
            web.people.clock.advance(timedelta(seconds=61))
            reply = await web.call("GET", "me", f"boruta_pat_{number}_guess")
            assert reply.status == 401
        assert (await entered(web))["login.failed"] <= TRIES.bit_length()


async def test_nor_do_many_addresses_fill_it(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        for number in range(TRIES):
            source = f"198.51.{number // 250}.{number % 250}"
            reply = await web.call("GET", "me", "guess", source=source)
            assert reply.status == 401
        assert (await entered(web))["login.failed"] <= NOTED_AT_ONCE


@pytest.mark.parametrize("what", ["name", "tokens"])
async def test_an_account_that_changes_itself_for_ever_is_slowed_down(
    tmp_path: Path, what: str
) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await web.secret("ann")
        before = (await entered(web)).total()
        done = Counter[int]()
        for number in range(TRIES):
            if what == "name":
                reply = await web.call("POST", "users/ann", secret, {"FullName": f"{number}"})
            else:
                reply = await web.call("POST", "tokens/", secret, {"Name": f"{number}"})
                if reply.status == 201:
                    made = reply.json["Token"]["ID"]
                    await web.call("POST", f"tokens/{made}/revoke", secret)
            done[reply.status] += 1
        assert done[429] == TRIES - CHANGES_AT_ONCE
        assert (await entered(web)).total() - before <= 2 * CHANGES_AT_ONCE
        # An admin who applies a whole list is not.
        for number in range(int(CHANGES_AT_ONCE) + 5):
            change = {"Role": "viewer", "FullName": f"{number}"}
            reply = await web.call("POST", "users/bob", web.root_secret, change)
            assert reply.status == 200


def test_who_asks_for_his_key_for_ever_is_entered_once(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        await lab.ready()
        request = await lab.lend()
        for _ in range(TRIES):
            await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request.id)
        entries = await lab.store.audit(AuditFilter(action="key.read"))
        assert len(entries) == 1

    play(tmp_path, script)


async def test_who_shares_and_unshares_for_ever_is_slowed_down(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        await web.secret("bob")
        change = {"SSHKeys": [KEY]}
        assert (await web.call("POST", "users/bob", web.root_secret, change)).status == 200
        filed = await web.call("POST", "reqs/", ann, {"Priority": 8})
        before, done = (await entered(web)).total(), Counter[int]()
        for number in range(TRIES):
            verb = "unshare" if number % 2 else "share"
            path = f"reqs/{filed.json['ReqID']}/{verb}"
            done[(await web.call("POST", path, ann, {"Account": "bob"})).status] += 1
        assert done == {200: SHARINGS_AT_ONCE, 429: TRIES - SHARINGS_AT_ONCE}
        assert (await entered(web)).total() - before <= SHARINGS_AT_ONCE
