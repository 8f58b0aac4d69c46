"""Boards, the queue and what admins do, in a browser, against a farm in memory."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerChange
from tests.client.serving import Served, uuid_of
from tests.page import scenes
from tests.page.browser import THEMES, WCAG, needs_browser

pytestmark = [pytest.mark.prove, needs_browser]

EVIL = "<img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script>"


def settle(page: Any) -> None:
    """Wait until a place is shown."""
    page.get_by_role("main").locator("h1, h2, .kind, .wall-figures").first.wait_for()
    page.wait_for_timeout(300)


def test_a_farm_without_boards_teaches(page: Any, served: Served) -> None:
    page.goto(served.address)
    page.get_by_role("heading", name="No boards yet").wait_for()
    assert f"dryad join {served.address}" in page.inner_text("main")


def test_what_changes_is_shown_at_once_without_asking_again(page: Any, served: Served) -> None:
    scenes.three(served)
    page.goto(served.address)
    page.get_by_role("link", name="lab-rpi4-1", exact=True).wait_for()
    before = len(served.heard)
    began = time.monotonic()
    served.fail(1, "the fan stands still")
    page.get_by_text("the fan stands still").wait_for()
    assert time.monotonic() - began < 2
    asked = [call.path for call in served.heard[before:]]
    assert asked == [], "the stream brought it"


def test_a_kind_with_one_board_takes_one_row(page: Any, served: Served) -> None:
    scenes.three(served)
    served.board(4, "lab-rpi4-2", scenes.caps("rpi4"))
    page.goto(served.address)
    page.get_by_text("2 of 2 free").wait_for()
    failed = page.locator(".only", has_text="visionfive2")
    failed.get_by_text("prompt 'login:' not seen within 60 s").wait_for()
    assert page.locator(".only").count() == 2
    assert page.locator(".card").count() == 2, "those of the kind that has two"
    for _ in range(4):
        page.keyboard.press("j")
    # Keys go through all boards in their order; the focus follows with the next frame.
    page.locator("a:focus", has_text="lab-visionfive-1").wait_for()


def test_filters_are_in_the_address_and_can_be_shared(
    page: Any, new_page: Any, served: Served
) -> None:
    scenes.busy(served)
    page.goto(served.address)
    page.get_by_role("button", name="Trouble").click()
    page.get_by_text("power supply does not answer").wait_for()
    page.get_by_label("Search boards").fill("rpi3-13")
    page.get_by_text("power supply does not answer").wait_for(state="detached")
    other = new_page()
    other.goto(page.url)
    other.get_by_role("link", name="lab-rpi3-13").wait_for()
    assert other.locator("[data-unit]").count() == 1
    page.get_by_label("Search boards").fill("board in (rpi3), !hdmi")
    page.get_by_role("link", name="lab-rpi3-7").wait_for()
    page.get_by_label("Search boards").fill("board in (rpi3")
    page.get_by_role("heading", name="No board matches").wait_for(state="detached")
    page.locator(".problem", has_text="selector").wait_for()


def test_a_board_is_borrowed_used_prolonged_and_given_back(page: Any, served: Served) -> None:
    scenes.three(served)
    page.goto(served.address)
    page.get_by_role("button", name="Borrow rpi4").click()
    page.get_by_text("lab-rpi4-1 is yours at once").wait_for()
    page.get_by_role("button", name="3 h", exact=True).click()
    page.locator("dialog button.main").click()
    page.get_by_role("heading", name="lab-rpi4-1", level=1).wait_for()
    number = int(page.url.rsplit("/", 1)[1].partition("?")[0])
    job = served.request(number).job
    assert job is not None
    page.get_by_role("button", name="+30 min").click()
    page.get_by_text("30 minutes more").wait_for()
    longer = served.request(number).job
    assert longer is not None
    assert longer.timeout > job.timeout
    page.get_by_role("button", name="Show address and key").click()
    page.get_by_text("ssh -p 20000").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the key").click()
    assert Path(download.value.path()).read_text() == "private 1"
    page.get_by_role("button", name="Give back").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Give back").click()
    page.get_by_text("done", exact=True).wait_for()
    assert served.request(number).state.finished


def test_who_is_queued_is_told_why_and_gets_the_board_on_the_same_page(
    page: Any, served: Served
) -> None:
    scenes.three(served)
    page.goto(served.address)
    page.get_by_role("button", name="Queue me rpi3").click()
    page.get_by_text("none is free").wait_for()
    page.locator("dialog button.main").click()
    card = page.locator(".waiting-card")
    card.get_by_text("position", exact=True).wait_for()
    assert "held by request 1" in card.inner_text()
    served.do(served.contracts.requests.close_request(LOCAL_ADMIN, 1))
    page.get_by_role("heading", name="lab-rpi3-1", level=1).wait_for()
    assert page.url.endswith("/requests/2")


def test_the_queue_tells_the_servers_own_words(page: Any, served: Served) -> None:
    scenes.three(served)
    waiting = scenes.borrow(served, "rpi3")
    page.goto(f"{served.address}/queue")
    row = page.locator(".queue li")
    row.get_by_text("1 board matches: 1 running").wait_for()
    row.get_by_role("button", name=f"Change request {waiting}").click()
    page.get_by_label("Priority").fill("3")
    page.get_by_role("button", name="Save").click()
    row.get_by_text("priority 3,").wait_for()
    assert served.request(waiting).priority == 3
    row.get_by_role("button", name="Cancel").click()
    row.get_by_role("button", name="Really cancel?").click()
    page.get_by_role("heading", name="Nobody waits").wait_for()


def test_a_waiting_requests_times_are_changed(page: Any, served: Served) -> None:
    scenes.three(served)
    waiting = scenes.borrow(served, "rpi3")
    before = served.request(waiting)
    later = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=30)
    # The browser's zone is UTC here; what a zone does to times is shown by Vitest.
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "UTC"})
    page.goto(f"{served.address}/requests/{waiting}")
    change = page.get_by_role("button", name=f"Change request {waiting}")

    change.click()
    assert page.get_by_label("Not before").input_value() == ""
    page.get_by_label("Not before").fill(f"{later:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("not before").first.wait_for()
    changed = served.request(waiting)
    assert (changed.valid_after, changed.deadline) == (later, before.deadline)

    change.click()
    page.get_by_label("Deadline").fill(f"{later + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("given up at").first.wait_for()
    assert served.request(waiting).deadline == later + timedelta(hours=1)

    change.click()
    page.get_by_label("Not before").fill("")
    page.get_by_label("Priority").fill("2")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("priority 2,").wait_for()
    assert served.request(waiting).valid_after <= datetime.now(UTC)
    change.click()
    page.get_by_label("Deadline").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Save").click()
    page.locator(".toast.trouble").wait_for()
    assert served.request(waiting).deadline == later + timedelta(hours=1)


def test_an_admin_sends_a_board_to_maintenance_and_takes_it_back(page: Any, served: Served) -> None:
    scenes.three(served)
    page.goto(f"{served.address}/boards/lab-rpi4-1")
    page.get_by_role("button", name="Maintenance").click()
    page.get_by_label("Reason, for everybody to read").fill(EVIL)
    page.get_by_role("button", name="To maintenance").click()
    page.locator(".page-head").get_by_text("maintenance", exact=True).wait_for()
    assert page.get_by_text(EVIL).count() >= 1, "it is text"
    assert served.worker(1).reason == EVIL
    page.get_by_role("button", name="Back to service").click()
    page.locator(".page-head").get_by_text("free", exact=True).wait_for()


def test_rows_stay_where_they_are_when_boards_are_picked(page: Any, served: Served) -> None:
    served.boards({f"lab-{number}": scenes.caps("rpi4") for number in range(1, 61)})
    page.goto(f"{served.address}/admin")
    page.get_by_text("No board is chosen.").wait_for()
    assert page.get_by_role("button", name="To maintenance").is_disabled()
    box = page.get_by_label("Choose lab-3", exact=True)
    before = box.bounding_box()
    box.check()
    page.get_by_text("1 board: 0 lent now").wait_for()
    assert box.bounding_box() == before
    page.get_by_label("Choose lab-60", exact=True).check()
    page.get_by_text("2 boards: 0 lent now").wait_for()
    panel = page.locator(".bulk").bounding_box()
    assert panel["y"] >= 0, "it stays in sight"
    # Back through the rows by keys: none that has the focus is behind the panel.
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        seen = page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert seen >= panel["y"] + panel["height"] - 1
    page.get_by_role("button", name="To maintenance").click()
    page.get_by_role("button", name="Really all 2, after running jobs?").click()
    page.get_by_text("2 boards go to maintenance").wait_for()


def test_deregistering_tells_what_it_would_orphan(page: Any, served: Served) -> None:
    scenes.three(served)
    scenes.borrow(served, "visionfive2")
    page.goto(f"{served.address}/boards/lab-visionfive-1")
    page.get_by_label("More for lab-visionfive-1").click()
    page.get_by_role("button", name="Deregister").click()
    page.get_by_text("1 waiting request loses the last board").wait_for()
    page.locator("dialog").get_by_role("button", name="Deregister").click()
    page.get_by_role("link", name="lab-rpi4-1").wait_for()
    assert page.get_by_role("link", name="lab-visionfive-1").count() == 0


@pytest.mark.parametrize("place", ["/", "/boards/evil-1", "/queue", "/admin", "/wall", "/history"])
def test_what_others_wrote_is_shown_and_never_run(page: Any, served: Served, place: str) -> None:
    served.board(1, "evil-1", {"board": EVIL, EVIL: EVIL, "ram": "<b>4</b>"})
    notes = WorkerChange(notes=EVIL, labels={"rack": EVIL})
    served.do(served.contracts.workers.describe(LOCAL_ADMIN, uuid_of(1), notes))
    new = NewRequest(caps={"board": EVIL}, priority=8)
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, new))
    served.settle()
    served.fail(1, EVIL)
    page.goto(served.address + place)
    settle(page)
    assert "evil" not in page.title()
    assert page.locator("main img[src=x]").count() == 0
    assert page.locator("main script").count() == 0


def test_a_server_that_is_away_is_told_and_come_back_to(page: Any, served: Served) -> None:
    scenes.three(served)
    page.goto(served.address)
    page.get_by_role("link", name="lab-rpi4-1", exact=True).wait_for()
    served.answers["events"] = [UnavailableError()] * 3
    served.cut()
    page.get_by_role("alert").get_by_text("No word from the server since").wait_for()
    assert page.get_by_role("link", name="lab-rpi4-1").count() == 1, "what was known stays"
    served.fail(1, "meanwhile it failed")
    page.get_by_text("meanwhile it failed").wait_for()
    page.get_by_role("alert").wait_for(state="detached")


def test_two_thousand_boards_stay_smooth(page: Any, served: Served) -> None:
    scenes.many(2000)(served)
    page.goto(f"{served.address}/?state=free,away")
    page.get_by_role("button", name="Table").click()
    page.evaluate(
        """() => new Promise((resolve) => {
            const times = []; let last = performance.now(); let left = 120;
            const step = () => {
                const now = performance.now(); times.push(now - last); last = now;
                scrollBy(0, 400);
                if (--left) requestAnimationFrame(step);
                else {
                    times.sort((a, b) => a - b);
                    window.slow = times[Math.floor(times.length * 0.5)];
                    resolve();
                }
            };
            requestAnimationFrame(step);
        })"""
    )
    assert page.locator("[data-unit]").count() < 120, "only what is in sight exists"
    assert page.evaluate("window.slow") < 100, "milliseconds between frames, in the middle"
    page.get_by_label("Search boards").fill("lab-rpi4-1")
    page.get_by_role("link", name="lab-rpi4-1", exact=False).first.wait_for()


def test_a_thousand_boards_come_in_sixty_kilobytes(page: Any, served: Served) -> None:
    scenes.many(1000)(served)
    sizes: dict[str, int] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    names: dict[str, str] = {}
    session.on(
        "Network.responseReceived",
        lambda event: names.__setitem__(event["requestId"], event["response"]["url"]),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.__setitem__(
            names.get(event["requestId"], "?"), int(event["encodedDataLength"])
        ),
    )
    page.goto(served.address)
    page.get_by_text("free").first.wait_for()
    assert sum(sizes.values()) <= 60_000, json.dumps(sizes, indent=1)


def test_a_change_is_on_the_screen_within_a_tenth_of_a_second(page: Any, served: Served) -> None:
    scenes.busy(served)
    page.goto(served.address)
    page.get_by_role("link", name="lab-beaglebone-3", exact=True).wait_for()
    taken = []
    for number in (9, 15, 21):
        page.evaluate(
            """(reason) => { window.seen = new Promise((resolve) => {
                new MutationObserver((_all, watcher) => {
                    if (!document.body.innerText.includes(reason)) return;
                    watcher.disconnect();
                    resolve(Date.now());
                }).observe(document.body, {subtree: true, childList: true, characterData: true});
            }); }""",
            f"reason {number}",
        )
        began = time.time()
        served.fail(number, f"reason {number}")
        taken.append(page.evaluate("window.seen") / 1000 - began)
    assert min(taken) < 0.1, taken


def test_everything_can_be_done_by_keys(page: Any, served: Served) -> None:
    scenes.three(served)
    page.goto(served.address)
    page.get_by_role("link", name="lab-rpi4-1").wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/boards/*")
    page.keyboard.press("q")
    page.wait_for_url("**/queue")
    page.keyboard.press("h")
    page.keyboard.press("b")
    page.get_by_role("heading", name="Borrow a board").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()


PLACES = ["/", "/queue", "/history", "/numbers", "/admin", "/admin/audit", "/wall", "/requests/1"]


@pytest.mark.parametrize("theme", THEMES)
def test_nobody_is_shut_out(new_page: Any, served: Served, theme: str) -> None:
    """WCAG 2.2 AA, as far as axe-core finds out."""
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    scenes.busy(served)
    page = new_page(theme=theme)
    options = {"runOnly": WCAG}
    found = {}
    for place in [*PLACES, "/boards/lab-rpi3-7"]:
        page.goto(served.address + place)
        settle(page)
        if place.startswith("/boards/"):
            page.get_by_role("button", name="What happened to it").click()
            page.locator(".happenings").wait_for()
        told = axe_module.Axe().run(page, options=options)
        if told.violations_count:
            found[place] = told.generate_report()
    page.goto(served.address)
    page.keyboard.press("b")
    page.get_by_role("heading", name="Borrow a board").wait_for()
    told = axe_module.Axe().run(page, options=options)
    if told.violations_count:
        found["the sheet"] = told.generate_report()
    assert not found, "\n".join(found.values())


def test_a_phone_has_no_sideways_scroll(new_page: Any, served: Served) -> None:
    scenes.busy(served)
    page = new_page(360, 740)
    for place in [*PLACES, "/boards/lab-rpi3-7"]:
        page.goto(served.address + place)
        settle(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{place} is {wide} wide"
        cut = page.locator(".top nav a:visible, [role=tab]:visible").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > 360).map(one => one.id)"
        )
        assert cut == [], f"{place}: one has to know that more is to the right"


def test_side_by_side_shows_both_from_wherever_it_is_asked_for(page: Any, served: Served) -> None:
    scenes.busy(served)
    for tab in ("activity", "image", "console"):
        page.goto(f"{served.address}/requests/1?tab={tab}")
        page.get_by_role("button", name="Side by side").click()
        for panel in ("terminal", "console"):
            page.locator(f"#panel-{panel}").wait_for()
    page.get_by_role("tab", name="Activity").click()
    page.locator("#panel-terminal").wait_for(state="hidden")
    assert page.get_by_role("button", name="Side by side").get_attribute("aria-pressed") == "false"


def test_a_farm_is_printed_whole_and_dark_on_light(
    new_page: Any, served: Served, tmp_path: Path
) -> None:
    scenes.many(120)(served)
    page = new_page(theme="dark")
    page.goto(served.address + "/?q=lab")
    settle(page)
    assert page.locator("[data-unit]").count() < 120, "what is out of sight is not there"
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("() => document.querySelectorAll('[data-unit]').length === 120")
    assert not page.get_by_role("banner").is_visible()
    assert not page.get_by_role("button", name="Borrow").first.is_visible()
    assert page.get_by_text("rpi4", exact=True).first.is_visible()
    text = page.evaluate("getComputedStyle(document.querySelector('main')).color")
    assert max(map(int, re.findall(r"\d+", text)[:3])) < 100, "dark letters"
    sheets = page.pdf(format="A4").count(b"/Type /Page\n")
    assert sheets >= 2


def test_figures_are_of_the_range_that_is_asked_for(page: Any, served: Served) -> None:
    scenes.three(served)
    served.fail(2, "the fan stands still")
    page.goto(served.address + "/numbers")
    by_board = page.locator("section", has=page.get_by_role("heading", name="Failures by board"))
    by_board.get_by_text("lab-rpi3-1").wait_for()
    capabilities = page.locator(
        "section", has=page.get_by_role("heading", name="Failures by capability")
    )
    capabilities.get_by_text("board rpi3").wait_for()
    capabilities.get_by_text("arch arm64").wait_for()
    page.get_by_label("To", exact=True).fill("2020-01-02T00:00")
    page.get_by_label("To", exact=True).blur()
    page.get_by_label("From", exact=True).fill("2020-01-01T00:00")
    page.get_by_label("From", exact=True).blur()
    page.get_by_label("To", exact=True).fill("2020-01-02T00:00")
    page.get_by_label("To", exact=True).blur()
    by_board.get_by_text("Nothing has failed.").wait_for()
    assert "from=2020-01-01" in page.url
    page.get_by_role("button", name="day").click()
    by_board.get_by_text("lab-rpi3-1").wait_for()
    assert "from=" not in page.url
    plot = page.locator(".u-over").first
    plot.scroll_into_view_if_needed()
    place = plot.bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + 40)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.8, place["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=**")


JUMPS = """
window.jumps = [];
new PerformanceObserver(list => {
  for (const jump of list.getEntries())
    if (!jump.hadRecentInput)
      window.jumps.push([jump.value, ...jump.sources.map(one => one.node?.className ?? "")]);
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_jumps_when_a_place_is_opened_or_something_happens(
    new_page: Any, served: Served, width: int
) -> None:
    scenes.busy(served)
    page = new_page(width=width)
    page.add_init_script(JUMPS)
    for number, place in enumerate(PLACES):
        page.goto(served.address + place)
        settle(page)
        if width > 360:
            # On a phone a row that tells more has to become higher.
            served.fail(4 + number, "the fan stands still")
            page.wait_for_timeout(300)
        jumps = page.evaluate("window.jumps")
        # Good is what is at most 0.1, by the measure of those who made it.
        assert sum(jump[0] for jump in jumps) <= 0.05, (place, jumps)
