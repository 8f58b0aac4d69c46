"""Signing in by a provider and by a CI job's token, on the real farm."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.audit import AuditFilter
from boruta_farm.model.errors import (
    AccountError,
    ProviderNotFoundError,
    ProviderUnreachableError,
    SignInRefusedError,
    UnauthenticatedError,
)
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.sign_in import DeviceHandle
from boruta_farm.model.token import Issued
from boruta_farm.oidc.settings import WorkloadSettings
from tests.farm.people import SOURCE
from tests.oidc.issuing import FARM, ISSUER
from tests.oidc.signing_in import JOBS, LAB, Signing, opened, signing_in

pytestmark = pytest.mark.prove

JOB = {"repository": "acme/kernel", "ref": "refs/heads/main", "sub": "repo:acme/kernel"}


async def browse(signing: Signing, place: str = "/queue") -> Issued:
    """Sign in by a browser."""
    departure = await signing.sign_ins.depart("lab", place)
    told = signing.issuing.authorize(departure.address)
    return (await signing.sign_ins.arrive("lab", departure.kept, told, SOURCE)).issued


async def actions(signing: Signing, action: str) -> list[dict[str, str]]:
    entries = await signing.people.farm.audit.list_entries(signing.root, AuditFilter(action=action))
    return [dict(entry.detail) for entry in entries]


async def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        first = signing.called((await browse(signing)).secret)
        signing.issuing.claims["preferred_username"] = "anna"
        second = signing.called((await browse(signing)).secret)
        assert (first.id, first.name) == (second.id, second.name)
        assert (second.role, second.scope) == (Role.USER, Scope.ADMIN)
        account = signing.people.farm.directory.account(first.id)
        assert account is not None
        assert account.identity == f"{ISSUER} 0042"
        told = (await actions(signing, "login"))[-1]
        assert told["with"] == "provider lab"
        assert told["identity"] == f"{ISSUER} 0042"


async def test_a_name_is_not_a_person(tmp_path: Path) -> None:
    """Whoever is called like an account of the farm, or like an admin, does not become him."""
    async with signing_in(tmp_path) as signing:
        await signing.people.account(signing.root, "ann")
        for name in ("ann", "ANN", "admin", "farm", "nobody", "", "../.."):
            signing.issuing.claims["preferred_username"] = name
            with pytest.raises(UnauthenticatedError, match="--identity"):
                await browse(signing)
        signing.issuing.claims["preferred_username"] = "ann"
        tied = AccountChange(identity=f"{ISSUER} 0042")
        await signing.people.farm.accounts.save_account(signing.root, "ann", tied)
        assert signing.called((await browse(signing)).secret).name == "ann"
        with pytest.raises(AccountError, match="has this identity already"):
            await signing.people.farm.accounts.save_account(signing.root, "admin", tied)


async def test_an_account_tied_to_another_person_is_left_by_the_first(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        secret = (await browse(signing)).secret
        other = AccountChange(identity=f"{ISSUER} 7")
        await signing.people.farm.accounts.save_account(signing.root, "ann", other)
        with pytest.raises(UnauthenticatedError):
            signing.called(secret)
        signing.issuing.claims["sub"] = "7"
        assert signing.called((await browse(signing)).secret).name == "ann"


async def test_any_server_goes_on_with_what_another_began(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        departure = await signing.sign_ins.depart("lab", "/boards/rpi4?tab=console")
        told = signing.issuing.authorize(departure.address)
        other = signing.another_server()
        arrival = await other.arrive("lab", departure.kept, told, SOURCE)
        assert arrival.place == "/boards/rpi4?tab=console"
        begun = await signing.sign_ins.begin_device("lab")
        signing.issuing.confirmed = True
        asked = DeviceHandle(handle=begun.handle, name="laptop")
        outcome = await other.ask_device("lab", asked, SOURCE)
        assert outcome.issued is not None
        token = signing.issuing.sign(**JOB, aud=FARM)
        await signing.people.farm.accounts.save_account(signing.root, "ci", AccountChange())
        await other.exchange(token, SOURCE)
        with pytest.raises(UnauthenticatedError, match="counts once"):
            await signing.sign_ins.exchange(token, SOURCE)


async def test_a_code_is_confirmed_elsewhere(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        begun = await signing.sign_ins.begin_device("lab")
        assert (begun.code, begun.address) == ("WDJB-MJHT", f"{ISSUER}/confirm")
        asked = DeviceHandle(handle=begun.handle, name="laptop")
        outcome = await signing.sign_ins.ask_device("lab", asked, SOURCE)
        assert (outcome.issued, outcome.interval) == (None, timedelta(seconds=5))
        signing.issuing.refusing = "slow_down"
        outcome = await signing.sign_ins.ask_device("lab", asked, SOURCE)
        assert outcome.interval == timedelta(seconds=10)
        signing.issuing.refusing = "access_denied"
        with pytest.raises(SignInRefusedError, match="access_denied"):
            await signing.sign_ins.ask_device("lab", asked, SOURCE)
        signing.issuing.refusing, signing.issuing.confirmed = "", True
        outcome = await signing.sign_ins.ask_device("lab", asked, SOURCE)
        assert outcome.issued is not None
        assert outcome.issued.token.name == "laptop"
        signing.people.clock.advance(timedelta(minutes=10))
        with pytest.raises(SignInRefusedError, match="too long"):
            await signing.sign_ins.ask_device("lab", asked, SOURCE)


async def test_groups_are_the_providers_word_and_other_groups_the_admins(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        farm = signing.people.farm
        for group in ("kernel", "radio"):
            await farm.accounts.save_group(signing.root, group, GroupChange())
        signing.issuing.claims["groups"] = ["embedded"]
        caller = signing.called((await browse(signing)).secret)
        assert caller.groups == frozenset({"kernel"})
        both = AccountChange(groups=("kernel", "radio"))
        await farm.accounts.save_account(signing.root, "ann", both)
        signing.issuing.claims["groups"] = []
        assert signing.called((await browse(signing)).secret).groups == frozenset({"radio"})


async def test_who_is_signed_in_is_judged_again(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        farm, clock = signing.people.farm, signing.people.clock
        await farm.accounts.save_group(signing.root, "kernel", GroupChange())
        signing.issuing.claims["groups"] = ["embedded"]
        issued = await browse(signing)
        await signing.sign_ins.judge_due()
        assert signing.issuing.refreshes == 0, "it is not time yet"
        signing.issuing.claims["groups"] = []
        clock.advance(LAB.judged_every)
        await signing.another_server().judge_due()
        assert signing.issuing.refreshes == 1
        assert signing.called(issued.secret).groups == frozenset()
        token = next(one for one in farm.directory.tokens() if one.id == issued.token.id)
        assert token.judged == clock.now()
        assert token.expires == issued.token.expires, "a sign-in is not made longer by that"
        clock.advance(LAB.judged_every)
        signing.issuing.instead = lambda _request: httpx.Response(503)
        await signing.sign_ins.judge_due()
        assert signing.called(issued.secret), "a provider that is down ends nobody's work"
        signing.issuing.instead = lambda _request: None
        signing.issuing.refusing = "invalid_grant"
        clock.advance(timedelta(minutes=2))
        await signing.sign_ins.judge_due()
        with pytest.raises(UnauthenticatedError):
            signing.called(issued.secret)
        assert "invalid_grant" in (await actions(signing, "login.failed"))[-1]["reason"]


@pytest.mark.parametrize("change", ["sub", "group", "provider"])
async def test_who_is_not_vouched_for_any_more_is_out(tmp_path: Path, change: str) -> None:
    some = replace(LAB, allowed_groups=("staff",))
    async with signing_in(tmp_path, {"lab": some}) as signing:
        issued = await browse(signing)
        signing.people.clock.advance(LAB.judged_every)
        sign_ins = signing.another_server(some)
        if change == "sub":
            signing.issuing.claims["sub"] = "7"
        elif change == "group":
            signing.issuing.claims["groups"] = []
        else:
            sign_ins = opened(signing, {"other": some}, {})
        await sign_ins.judge_due()
        with pytest.raises(UnauthenticatedError):
            signing.called(issued.secret)


async def test_a_sign_in_has_an_end(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        issued = await browse(signing)
        signing.people.clock.advance(LAB.session_length)
        with pytest.raises(UnauthenticatedError, match="expired"):
            signing.called(issued.secret)


async def test_who_is_disabled_neither_stays_nor_comes_back(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        secret = (await browse(signing)).secret
        accounts = signing.people.farm.accounts
        await accounts.save_account(signing.root, "ann", AccountChange(disabled=True))
        with pytest.raises(UnauthenticatedError):
            signing.called(secret)
        with pytest.raises(UnauthenticatedError, match="disabled"):
            await browse(signing)
        await accounts.remove_account(signing.root, "ann")
        before = signing.people.farm.directory.account_named("ann")
        caller = signing.called((await browse(signing)).secret)
        assert before is None
        assert caller.name == "ann"


async def test_without_accounts_made_for_them_strangers_stay_out(tmp_path: Path) -> None:
    some = replace(LAB, create_accounts=False)
    async with signing_in(tmp_path, {"lab": some}) as signing:
        with pytest.raises(UnauthenticatedError, match=r"--identity 'https://login\.example 0042'"):
            await browse(signing)
        assert len(signing.people.farm.directory.accounts()) == 1


async def test_the_last_admin_is_not_demoted_by_a_provider(tmp_path: Path) -> None:
    some = replace(LAB, roles={"lab-admins": Role.ADMIN})
    async with signing_in(tmp_path, {"lab": some}) as signing:
        signing.issuing.claims["groups"] = ["lab-admins"]
        caller = signing.called((await browse(signing)).secret)
        assert caller.role is Role.ADMIN
        await signing.people.farm.accounts.remove_account(signing.root, "admin")
        signing.issuing.claims["groups"] = []
        with pytest.raises(AccountError, match="last admin"):
            await browse(signing)


# Attacks on the way of a browser.


async def test_an_answer_that_belongs_to_another_browser_is_refused(tmp_path: Path) -> None:
    """Login CSRF: the attacker's answer in the victim's browser, with and without a cookie."""
    async with signing_in(tmp_path) as signing:
        evil = await signing.sign_ins.depart("lab", "/")
        answer = signing.issuing.authorize(evil.address)
        victim = await signing.sign_ins.depart("lab", "/")
        for kept, word in ((victim.kept, "state"), ("", "did not begin"), ("x", "did not begin")):
            with pytest.raises(SignInRefusedError, match=word):
                await signing.sign_ins.arrive("lab", kept, answer, SOURCE)
        assert "/token" not in signing.issuing.asked, "no code is used before that is known"


async def test_what_is_sealed_for_one_purpose_serves_no_other(tmp_path: Path) -> None:
    two = {"lab": LAB, "other": LAB}
    async with signing_in(tmp_path, two) as signing:
        departure = await signing.sign_ins.depart("lab", "/")
        answer = signing.issuing.authorize(departure.address)
        device = await signing.sign_ins.begin_device("lab")
        with pytest.raises(SignInRefusedError, match="did not begin"):
            await signing.sign_ins.arrive("other", departure.kept, answer, SOURCE)
        with pytest.raises(SignInRefusedError, match="did not begin"):
            await signing.sign_ins.arrive("lab", device.handle, answer, SOURCE)
        for handle in (departure.kept, device.handle[:-3], device.handle + "A", "", "=" * 9000):
            with pytest.raises(SignInRefusedError, match="did not begin"):
                await signing.sign_ins.ask_device("lab", DeviceHandle(handle=handle), SOURCE)


async def test_a_code_serves_once_and_only_who_began(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        departure = await signing.sign_ins.depart("lab", "/")
        answer = signing.issuing.authorize(departure.address)
        await signing.sign_ins.arrive("lab", departure.kept, answer, SOURCE)
        with pytest.raises(SignInRefusedError, match="invalid_grant"):
            await signing.sign_ins.arrive("lab", departure.kept, answer, SOURCE)
        # A stolen code, put into one's own sign-in: PKCE and nonce are another's.
        stolen = signing.issuing.authorize((await signing.sign_ins.depart("lab", "/")).address)
        own = await signing.sign_ins.depart("lab", "/")
        mixed = {**signing.issuing.authorize(own.address), "code": stolen["code"]}
        with pytest.raises(SignInRefusedError, match="invalid_grant"):
            await signing.sign_ins.arrive("lab", own.kept, mixed, SOURCE)


@pytest.mark.parametrize("named", [None, "https://evil.example", f"{ISSUER}/"])
async def test_an_answer_of_another_provider_is_refused(tmp_path: Path, named: str | None) -> None:
    """Mix-up (RFC 9207): no code goes to whom it was not made by."""
    async with signing_in(tmp_path) as signing:
        departure = await signing.sign_ins.depart("lab", "/")
        answer = signing.issuing.authorize(departure.address)
        answer = {key: text for key, text in answer.items() if key != "iss"}
        if named is not None:
            answer["iss"] = named
        with pytest.raises(SignInRefusedError, match="another provider's"):
            await signing.sign_ins.arrive("lab", departure.kept, answer, SOURCE)
        assert "/token" not in signing.issuing.asked


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["boruta", "another"]}, "azp"),
        ({"iss": "https://evil.example"}, "not of"),
        ({"exp": 1}, "exp"),
        ({"sub": ""}, "sub"),
    ],
)
async def test_an_identity_for_somebody_else_is_refused(
    tmp_path: Path, claims: dict[str, object], word: str
) -> None:
    async with signing_in(tmp_path) as signing:
        signing.issuing.claims |= claims
        with pytest.raises(SignInRefusedError, match=word):
            await browse(signing)
        assert len(signing.people.farm.directory.accounts()) == 1


async def test_userinfo_of_somebody_else_is_refused(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        del signing.issuing.claims["name"]
        signing.issuing.beside = {"sub": "7", "name": "Root", "groups": ["embedded"]}
        with pytest.raises(SignInRefusedError, match="two people"):
            await browse(signing)
        signing.issuing.beside = {"name": "Ann of Lab", "preferred_username": "root"}
        caller = signing.called((await browse(signing)).secret)
        account = signing.people.farm.directory.account(caller.id)
        assert account is not None
        assert (account.name, account.full_name) == ("ann", "Ann of Lab")


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nset-cookie: x=y",
        "evil.example",
        "",
        "/" + "a" * 2000,
        "/\u2028",
    ],
)
async def test_nobody_is_led_elsewhere_after_signing_in(tmp_path: Path, place: str) -> None:
    async with signing_in(tmp_path) as signing:
        departure = await signing.sign_ins.depart("lab", place)
        told = signing.issuing.authorize(departure.address)
        arrival = await signing.sign_ins.arrive("lab", departure.kept, told, SOURCE)
        assert arrival.place == "/"


async def test_an_error_of_the_provider_is_told_in_its_word_alone(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        departure = await signing.sign_ins.depart("lab", "/")
        state = signing.issuing.authorize(departure.address)["state"]
        for wrong, word in (("access_denied", "access_denied"), ("<b>call 555", "no reason")):
            told = {"state": state, "iss": ISSUER, "error": wrong}
            with pytest.raises(SignInRefusedError, match=word) as refusal:
                await signing.sign_ins.arrive("lab", departure.kept, told, SOURCE)
            assert "<b>" not in refusal.value.message


async def test_a_provider_that_is_none_or_does_not_answer(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        for call in (
            signing.sign_ins.depart("evil", "/"),
            signing.sign_ins.begin_device("evil"),
            signing.sign_ins.arrive("evil", "", {}, SOURCE),
        ):
            with pytest.raises(ProviderNotFoundError):
                await call
        signing.issuing.instead = lambda _request: httpx.Response(500)
        with pytest.raises(ProviderUnreachableError):
            await signing.sign_ins.depart("lab", "/")


# Jobs of CI systems.


async def exchange(signing: Signing, **claims: object) -> Issued:
    token = signing.issuing.sign(**{"aud": FARM, **JOB, **claims})
    return await signing.sign_ins.exchange(token, SOURCE)


async def test_a_jobs_token_becomes_a_short_one_once(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        await signing.people.account(signing.root, "ci", "kernel")
        token = signing.issuing.sign(**JOB, aud=FARM)
        issued = await signing.sign_ins.exchange(token, SOURCE)
        caller = signing.called(issued.secret)
        assert (caller.name, caller.scope, caller.groups) == (
            "ci",
            Scope.REQUEST,
            frozenset({"kernel"}),
        )
        assert issued.token.expires == signing.people.clock.now() + JOBS.lasts
        told = (await actions(signing, "login"))[-1]
        assert told["with"] == "workload jobs"
        assert told["repository"] == "acme/kernel"
        with pytest.raises(UnauthenticatedError, match="counts once"):
            await signing.sign_ins.exchange(token, SOURCE)
        await signing.people.farm.tokens.revoke(signing.root, issued.token.id)
        with pytest.raises(UnauthenticatedError, match="counts once"):
            await signing.sign_ins.exchange(token, SOURCE)


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"repository": "evil/kernel"}, "no workload rule"),
        ({"repository": "acme/kernel-fork"}, "no workload rule"),
        ({"ref": "refs/pull/7/merge"}, "no workload rule"),
        ({"ref": "refs/heads/a/b"}, "no workload rule"),
        ({"ref": None}, "no workload rule"),
        ({"aud": "sts.example"}, "aud"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.example"}, "no workload rule for who"),
        ({"exp": 1}, "exp"),
        ({"exp": 2**40}, "12 hours"),
        ({"iat": 2**40}, "future"),
    ],
)
async def test_jobs_of_others_are_refused(
    tmp_path: Path, claims: dict[str, object], word: str
) -> None:
    async with signing_in(tmp_path) as signing:
        await signing.people.account(signing.root, "ci")
        with pytest.raises(SignInRefusedError, match=word):
            await exchange(signing, **claims)


async def test_a_persons_identity_is_no_jobs_and_the_other_way_round(tmp_path: Path) -> None:
    """Both are signed by the same issuer here: only for whom they are tells them apart."""
    async with signing_in(tmp_path) as signing:
        await signing.people.account(signing.root, "ci")
        with pytest.raises(SignInRefusedError, match="aud"):
            await exchange(signing, aud="boruta")
        signing.issuing.claims["aud"] = FARM
        with pytest.raises(SignInRefusedError, match="aud"):
            await browse(signing)


async def test_the_first_rule_that_fits_counts(tmp_path: Path) -> None:
    rules = {
        "release": WorkloadSettings(
            issuer=ISSUER, account="release", claims={"environment": "release"}, audience="rel"
        ),
        "jobs": JOBS,
        "all": WorkloadSettings(issuer=ISSUER, account="rest", claims={"repository": "acme/*"}),
    }
    async with signing_in(tmp_path, {}, rules) as signing:
        for name in ("release", "ci", "rest"):
            await signing.people.account(signing.root, name)
        for claims, account in (
            ({}, "ci"),
            ({"ref": "refs/tags/1"}, "rest"),
            ({"environment": "release", "aud": "rel"}, "release"),
            ({"environment": "release", "run_id": 1}, "ci"),
        ):
            assert signing.called((await exchange(signing, **claims)).secret).name == account


async def test_a_rules_account_must_be_there_and_usable(tmp_path: Path) -> None:
    async with signing_in(tmp_path) as signing:
        with pytest.raises(UnauthenticatedError, match="cannot be used"):
            await exchange(signing)
        await signing.people.account(signing.root, "ci")
        secret = (await exchange(signing, run_id=1)).secret
        accounts = signing.people.farm.accounts
        await accounts.save_account(signing.root, "ci", AccountChange(disabled=True))
        with pytest.raises(UnauthenticatedError):
            signing.called(secret)
        with pytest.raises(UnauthenticatedError, match="cannot be used"):
            await exchange(signing, run_id=2)
