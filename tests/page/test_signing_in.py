"""Signing in, what roles see, and signing out, in a browser."""

from typing import Any

import pytest

from tests.page.browser import needs_browser
from tests.page.peopled import Peopled

pytestmark = [pytest.mark.prove, needs_browser]


def test_an_invitation_opens_the_page_once(page: Any, new_page: Any, farm: Peopled) -> None:
    page.goto(f"{farm.address}/queue")
    page.get_by_role("heading", name="Sign in to Boruta").wait_for()
    page.get_by_label("Token").fill("boruta_o_wrong_token")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("this token is unknown").wait_for()
    page.get_by_label("Token").fill(farm.web.first)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Nobody waits").wait_for()
    assert page.url.endswith("/queue"), "one goes on to where one wanted"
    assert page.evaluate("document.cookie") == "", "no script reads it"

    page.goto(f"{farm.address}/admin/people")
    page.get_by_label("Name", exact=True).fill("bob")
    page.get_by_role("button", name="Invite", exact=True).click()
    token = page.locator(".copy code").inner_text()
    other = new_page()
    other.goto(farm.address)
    other.get_by_label("Token").fill(token)
    other.get_by_role("button", name="Sign in").click()
    other.get_by_label("Account and help").get_by_text("bob").wait_for()
    assert other.get_by_role("link", name="Admin").count() == 0

    row = page.locator("tr", has_text="bob")
    row.get_by_role("button", name="Disable").click()
    row.get_by_role("button", name="Really disable?").click()
    other.get_by_role("heading", name="Sign in to Boruta").wait_for()

    page.get_by_label("Account and help").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to Boruta").wait_for()
    page.reload()
    page.get_by_role("heading", name="Sign in to Boruta").wait_for()
