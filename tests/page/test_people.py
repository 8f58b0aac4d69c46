"""Accounts, groups, limits and tokens, changed by an admin in a browser."""

from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.model.account import Account, Group, Limits
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import TokenKind
from tests.page.browser import WCAG, needs_browser
from tests.page.peopled import Peopled

pytestmark = [pytest.mark.prove, needs_browser]


def group_of(farm: Peopled, name: str) -> Group:
    groups = farm.bridge.run(farm.web.people.farm.accounts.list_groups(farm.web.root))
    return next(group for group in groups if group.name == name)


def account_of(farm: Peopled, name: str) -> Account:
    return farm.bridge.run(farm.web.people.farm.accounts.get_account(farm.web.root, name))


def test_a_group_is_made_limited_and_taken_back(page: Any, farm: Peopled) -> None:
    farm.sign_in(page)
    page.goto(f"{farm.address}/admin/groups")
    page.get_by_role("heading", name="No groups yet").wait_for()
    page.get_by_role("button", name="New group").click()
    page.get_by_label("Name").fill("kernel")
    page.get_by_label("Running jobs").fill("4")
    page.get_by_label("Longest job").fill("2 hours")
    page.get_by_role("button", name="Make the group").click()
    assert page.locator("input:invalid").count() == 1, "the browser says what it takes"
    page.get_by_label("Longest job").fill("1h30m")
    page.get_by_role("button", name="Make the group").click()
    page.get_by_text("4 jobs, 1h30m a job").wait_for()
    made = Limits(jobs=4, job_time=timedelta(minutes=90))
    assert group_of(farm, "kernel").limits == made

    page.get_by_role("button", name="New group").click()
    page.get_by_label("Name").fill("Kernel")
    page.get_by_role("button", name="Make the group").click()
    page.get_by_text("there is a group Kernel already").wait_for()
    page.get_by_role("button", name="Cancel").click()
    assert group_of(farm, "kernel").limits == made, "a new one changes none that there is"

    page.get_by_role("button", name="Change group kernel").click()
    page.get_by_label("Running jobs").fill("")
    page.get_by_label("its members may join").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("group kernel is changed").wait_for()
    changed = group_of(farm, "kernel")
    assert (changed.limits.jobs, changed.members_join) == (None, True)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("4 jobs, 1h30m a job").wait_for()
    back = group_of(farm, "kernel")
    assert (back.limits, back.members_join) == (made, False)


def test_an_account_is_changed_and_removed(page: Any, farm: Peopled) -> None:
    farm.bridge.run(farm.web.people.account(farm.web.root, "ann", "kernel"))
    farm.sign_in(page)
    page.goto(f"{farm.address}/admin/people")
    page.get_by_role("button", name="Change account ann").click()
    sheet = page.get_by_role("dialog")
    assert sheet.get_by_label("kernel").is_checked()
    sheet.get_by_label("kernel").uncheck()
    sheet.get_by_label("Full name").fill("Ann <b>Example</b>")
    sheet.get_by_label("Role").select_option("group-admin")
    sheet.get_by_label("Waiting requests").fill("0")
    sheet.get_by_role("button", name="Save").click()
    page.get_by_text("Ann <b>Example</b>").wait_for()
    ann = account_of(farm, "ann")
    assert (ann.role, ann.groups, ann.limits) == (Role.GROUP_ADMIN, (), Limits(waiting=0))
    page.get_by_role("button", name="Remove account ann").click()
    page.get_by_text("It has no requests.").wait_for()
    page.get_by_role("button", name="Remove the account").click()
    page.get_by_text("account ann is removed").wait_for()
    page.get_by_role("button", name="Change account ann").wait_for(state="detached")


def test_a_service_gets_a_token_that_is_shown_once(page: Any, farm: Peopled) -> None:
    farm.bridge.run(farm.web.people.account(farm.web.root, "ci"))
    farm.sign_in(page)
    page.goto(f"{farm.address}/admin/tokens")
    page.get_by_label("What for").fill("nightly")
    page.get_by_label("Of the service account").fill("ci")
    page.get_by_label("Days").fill("300")
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator(".copy code").inner_text()
    assert secret.startswith("boruta_s_")
    page.locator("tr", has_text="nightly").get_by_text("service").wait_for()
    tokens = farm.bridge.run(farm.web.people.farm.tokens.list_tokens(farm.web.root, "ci"))
    made = next(token for token in tokens if token.name == "nightly")
    assert (made.kind, made.scope) == (TokenKind.SERVICE, Scope.REQUEST)
    assert made.expires - made.created == timedelta(days=300)
    page.reload()
    page.locator("tr", has_text="nightly").wait_for()
    assert secret not in page.content()


def test_nobody_is_shut_out_of_administration(new_page: Any, farm: Peopled) -> None:
    """WCAG 2.2 AA as far as axe-core finds out, and nothing to the side on a phone."""
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    farm.bridge.run(farm.web.people.account(farm.web.root, "ann-with-a-long-name", "kernel"))
    page = new_page(360, 740, "dark")
    farm.sign_in(page)
    found = []
    for place, button in (
        ("people", "Change account ann-with-a-long-name"),
        ("people", "Remove account ann-with-a-long-name"),
        ("groups", "Change group kernel"),
        ("tokens", None),
    ):
        page.goto(f"{farm.address}/admin/{place}")
        page.locator("tbody tr").first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{place} is {wide} wide"
        cut = page.locator("nav a, main button, main input").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > 360).map(one => one.id)"
        )
        assert cut == [], place
        if button:
            page.get_by_role("button", name=button).click()
            page.get_by_role("dialog").wait_for()
        told = axe_module.Axe().run(page, options={"runOnly": WCAG})
        if told.violations_count:
            found.append(f"{place}: {told.generate_report()}")
    assert not found, "\n".join(found)
