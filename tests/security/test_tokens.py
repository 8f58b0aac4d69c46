"""Threat: a stolen or guessed token."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import NewToken, TokenKind, token_id
from tests.web.peopled import PeopledWeb, peopled_web, random_part

WITHIN = 1.0
"""Seconds within which a revoked token must be dead."""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_stolen_database_gives_no_token_away(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        invited = (await web.call("POST", "users/bob/invite", web.root_secret)).json["Secret"]
        wanted = {"Kind": "join", "Scope": "read", "Account": "admin"}
        joining = (await web.call("POST", "tokens/", web.root_secret, wanted)).json["Secret"]
        secrets = [web.root_secret, await web.secret("ann"), invited, joining]
        files = contents(tmp_path)
        assert any(b"bob" in data for data in files.values()), "the database was not looked at"
        for secret in secrets:
            random = random_part(secret).encode()
            assert not [path for path, data in files.items() if random in data]


async def test_a_revoked_token_is_dead_within_a_second(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        assert (await web.call("GET", "me", ann)).status == 200
        async with asyncio.timeout(WITHIN):
            revoked = await web.call("POST", f"tokens/{token_id(ann)}/revoke", web.root_secret)
            assert revoked.status == 204
            assert (await web.call("GET", "me", ann)).status == 401


@pytest.mark.parametrize("how", ["removed", "disabled"])
async def test_the_tokens_of_who_has_left_are_dead(how: str, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        if how == "removed":
            await web.call("POST", "users/ann/remove", web.root_secret)
        else:
            await web.call("POST", "users/ann", web.root_secret, {"Disabled": True})
        assert (await web.call("GET", "me", ann)).status == 401


async def test_a_token_ends_by_itself(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        made = await web.call("POST", "tokens/", web.root_secret, {"Lifetime": 60})
        secret = made.json["Secret"]
        assert (await web.call("GET", "me", secret)).status == 200
        web.people.clock.advance(timedelta(seconds=61))
        assert (await web.call("GET", "me", secret)).status == 401


async def test_nobody_gets_a_personal_token_for_longer_than_a_month(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        wanted = {"Lifetime": timedelta(days=31).total_seconds()}
        refused = await web.call("POST", "tokens/", web.root_secret, wanted)
        assert (refused.status, refused.json["Code"]) == (400, "bad-token")


async def test_a_narrow_token_makes_no_wider_one(tmp_path: Path) -> None:
    """Who steals a token for reading must not exchange it for one that changes things."""
    async with peopled_web(tmp_path) as web:
        for scope in (Scope.READ, Scope.REQUEST):
            stolen = await web.secret(f"ann-{scope}", scope=scope)
            made = await web.call("POST", "tokens/", stolen, {"Scope": "admin"})
            assert made.status == 403, made.json


async def test_a_user_makes_no_token_of_another(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        bob = await web.secret("bob")
        for body in (
            {"Account": "admin"},
            {"Account": "admin", "Kind": "service"},
            {"Kind": "join"},
            {"Kind": "once", "Account": "admin"},
        ):
            assert (await web.call("POST", "tokens/", bob, body)).status == 403, body


async def test_a_board_s_invitation_opens_no_other_door(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        new = NewToken(account="admin", kind=TokenKind.JOIN, scope=Scope.ADMIN)
        secret = (await web.people.farm.tokens.issue(web.root, new)).secret
        assert (await web.call("GET", "me", secret)).status == 401
        assert (await web.call("POST", "login", secret)).status == 401


async def test_a_token_in_an_address_is_no_token(tmp_path: Path) -> None:
    """Addresses end up in logs, histories and Referer headers."""
    async with peopled_web(tmp_path) as web:
        for name in ("token", "access_token", "authorization"):
            refused = await web.call("GET", f"me?{name}={web.root_secret}")
            assert refused.status == 401


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_lists_of_tokens_hold_no_secrets(role: Role, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await web.secret("ann", role=role)
        for reader in (secret, web.root_secret):
            listed = await web.call("GET", "tokens/", reader)
            assert listed.status == 200
            assert random_part(secret).encode() not in listed.body
            assert b"igest" not in listed.body


async def guess(web: PeopledWeb, secret: str, source: str) -> int:
    return (await web.call("GET", "me", secret, source=source)).status


async def test_guessing_is_slowed_down_for_the_guesser_alone(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        wrong = ann[:-1] + ("A" if ann[-1] != "A" else "B")
        tries = [await guess(web, wrong, "192.0.2.66") for _ in range(200)]
        assert tries.count(401) < 10
        assert set(tries) == {401, 429}
        assert await guess(web, ann, "192.0.2.66") == 200, "the account itself is locked out"
        assert await guess(web, ann, "192.0.2.8") == 200, "another address is locked out"


async def test_a_flood_of_guesses_does_not_flood_the_audit(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        for number in range(300):
            await guess(web, f"boruta_p_{number}_{'x' * 43}", f"192.0.2.{number % 250}")
        lines = await web.call("GET", "audit?action=login.failed", web.root_secret)
        entered = lines.body.decode().splitlines()
        assert 0 < len(entered) <= 60
