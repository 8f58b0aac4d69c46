"""One board's page: how it does, what happened to it, and what its console said in past jobs."""

from pathlib import Path
from typing import Any

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.console import ConsoleChunk, ConsoleEvent, ConsolePiece, pack_chunk
from tests.client.serving import Served
from tests.page import scenes
from tests.page.browser import needs_browser

pytestmark = [pytest.mark.prove, needs_browser]

AT = 1_800_000_000_000_000
SAID = b"U-Boot 2026.01\r\n\x1b[1;31m<b>login:</b>\x1b[0m \x00"


def hear(served: Served, request: int, console: str, said: bytes) -> None:
    """Have the board tell what its console says in a running job."""
    job = served.request(request).job
    assert job is not None
    content = pack_chunk([ConsolePiece(at=AT, event=ConsoleEvent.BYTES, data=said)])
    chunk = ConsoleChunk(console=console, sequence=0, count=1, dropped=0, content=content)
    served.do(served.contracts.reports.console(job.worker, job.epoch, chunk))


def close(served: Served, request: int) -> None:
    served.do(served.contracts.requests.close_request(LOCAL_ADMIN, request))
    served.settle()


def test_a_board_tells_who_had_it_how_that_ended_and_why(page: Any, served: Served) -> None:
    served.board(1, "lab-rpi4-1", scenes.caps("rpi4"))
    done = scenes.borrow(served, "rpi4")
    hear(served, done, "uart", SAID)
    close(served, done)
    failed = scenes.borrow(served, "rpi4")
    served.fail(1, "the fan stands still")
    page.goto(f"{served.address}/boards/lab-rpi4-1")

    health = page.get_by_role("region", name="Health")
    health.get_by_text("1 of its last 2 jobs failed").wait_for()
    health.get_by_text("the fan stands still").first.wait_for()
    health.get_by_role("link", name=f"request {failed}").wait_for()
    health.get_by_role("button", name="What happened to it").click()
    story = health.locator(".happenings li")
    story.filter(has_text="registered").wait_for()
    assert "failed" in story.first.inner_text()

    lines = page.locator(".history li")
    assert lines.count() == 2
    assert "failed" in lines.nth(0).inner_text()
    assert "done" in lines.nth(1).inner_text()
    page.get_by_role("button", name=f"Console log of request {done}").click()
    log = page.locator("dialog .log")
    log.wait_for()
    assert log.inner_text() == "U-Boot 2026.01\n<b>login:</b> "
    with page.expect_download() as download:
        page.get_by_role("link", name="all of it, as it came").click()
    assert Path(download.value.path()).read_bytes() == SAID
    with page.expect_download() as download:
        page.get_by_role("link", name="as a recording").click()
    assert download.value.suggested_filename == "uart.cast"
    page.get_by_role("button", name="Play it").click()
    page.locator("dialog .player .ap-term-text").get_by_text("<b>login:</b>").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Console log of request {failed}").click()
    page.locator("dialog").get_by_text(f"request {failed} has no log of a console").wait_for()
    page.goto(f"{served.address}/requests/{done}")
    page.get_by_role("button", name="Show the console's log").click()
    page.locator(".log").get_by_text("<b>login:</b>").wait_for()


def test_of_several_consoles_one_is_named(page: Any, served: Served) -> None:
    served.board(1, "lab-rpi4-1", scenes.caps("rpi4"))
    request = scenes.borrow(served, "rpi4")
    for console in ("bmc", "uart"):
        hear(served, request, console, f"this is {console}\n".encode())
    close(served, request)
    page.goto(f"{served.address}/boards/lab-rpi4-1")
    page.get_by_role("button", name=f"Console log of request {request}").click()
    page.get_by_text("name one of bmc, uart").wait_for()
    page.get_by_label("Console", exact=True).fill("bmc")
    page.keyboard.press("Tab")
    page.locator("dialog .log").get_by_text("this is bmc").wait_for()


def test_a_long_history_is_read_by_pages(page: Any, served: Served) -> None:
    served.board(1, "lab-rpi4-1", scenes.caps("rpi4"))
    for _ in range(52):
        close(served, scenes.borrow(served, "rpi4"))
    page.goto(f"{served.address}/boards/lab-rpi4-1")
    page.get_by_text("None of its last 50 jobs failed").wait_for()
    lines = page.locator(".history li")
    lines.nth(49).wait_for()
    assert lines.count() == 50
    page.get_by_role("button", name="Show older ones").click()
    lines.nth(51).wait_for()
    page.get_by_role("button", name="Show older ones").wait_for(state="detached")
    assert lines.count() == 52
    close(served, scenes.borrow(served, "rpi4"))
    lines.nth(52).wait_for()
    assert lines.nth(0).get_by_role("link", name="53").count() == 1
