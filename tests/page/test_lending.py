"""From nothing to a shell in the browser, on a real board; and the server is killed meanwhile."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from boruta_farm.client.blocking import Bridge
from boruta_farm.demo.boards import SANDBOXES, Value
from boruta_farm.model.worker import WorkerState
from tests.e2e.stage import Stage, stage
from tests.page.browser import needs_browser
from tests.ports import free_port

pytestmark = [pytest.mark.prove, needs_browser]

PICTURE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


class Lab:
    """A farm of real processes with one sandboxed board."""

    def __init__(self, bridge: Bridge, one: Stage) -> None:
        self._bridge = bridge
        self._one = one
        self.address = one.yard.url

    def kill_server(self) -> None:
        """End the server as a crash does."""
        self._bridge.run(self._one.yard.kill("server"))

    def give_back(self) -> None:
        """Close what is open: an agent that stops during a job leaves its consoles' keeper."""

        async def close() -> None:
            farm = self._one.farm
            for request in (await farm.requests.list_requests(farm.caller)).items:
                if not request.state.finished:
                    await farm.requests.close_request(farm.caller, request.id)
            await self._one.until(WorkerState.IDLE)

        self._bridge.run(close())

    def start_server(self) -> None:
        """Start it again."""
        self._bridge.run(self._one.yard.begin())


@contextmanager
def laboratory(folder: Path, **settings: str) -> Iterator[Lab]:
    """Run such a farm for the block."""
    picture = folder / "picture.png"
    picture.write_bytes(PICTURE)
    camera: dict[str, Value] = {
        "driver": "exec",
        "kind": "video",
        "snapshot": ("/bin/cat", str(picture)),
    }
    board = SANDBOXES[0].renamed("test")
    board = replace(board, tools={**board.tools, "camera": camera})
    with Bridge() as bridge, bridge.enter(stage(folder, board, **settings)) as one:
        lab = Lab(bridge, one)
        yield lab
        lab.give_back()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path) as lab:
        yield lab


def borrow(page: Any, lab: Lab) -> None:
    page.goto(lab.address)
    page.get_by_role("button", name="Borrow rpi4").click()
    page.locator("dialog button.main").click()
    page.wait_for_url("**/requests/*")
    page.locator("#panel-terminal .bar").get_by_text("connected").wait_for()


def screen(page: Any, words: str, panel: str = "terminal") -> None:
    """Wait until a terminal shows some words."""
    page.locator(f"#panel-{panel} .xterm-rows").get_by_text(words).first.wait_for()


def test_a_newcomer_has_a_shell_and_the_device_at_hand(page: Any, lab: Lab, tmp_path: Path) -> None:
    borrow(page, lab)
    page.keyboard.type("echo grüß-$((6*7))\n")
    screen(page, "grüß-42")
    page.keyboard.type("yes\n")
    screen(page, "y")
    page.keyboard.press("Control+c")
    page.keyboard.type("clear; echo over-$((1+1))\n")
    screen(page, "over-2")
    page.set_viewport_size({"width": 1000, "height": 700})
    page.keyboard.type("clear; stty size\n")
    page.locator("#panel-terminal .xterm-rows").get_by_text(re.compile(r"^\d+ \d+$")).wait_for()

    page.keyboard.type("echo kept-$((1+1))\n")
    screen(page, "kept-2")
    page.reload()
    screen(page, "kept-2")

    page.get_by_role("button", name="On", exact=True).click()
    page.get_by_text("on, 2.4 W").wait_for()
    page.get_by_role("button", name="Show", exact=True).click()
    shown = page.get_by_alt_text("What camera shows")
    shown.wait_for()
    page.wait_for_function("shown => shown.naturalWidth === 1", arg=shown.element_handle())

    page.get_by_role("tab", name="Console").click()
    screen(page, "=>", "console")
    page.keyboard.type("help\n")
    page.get_by_role("button", name="Off", exact=True).click()
    page.get_by_role("button", name="Really off?").click()
    page.locator(".tool .state.away").wait_for()

    image = tmp_path / "image.bin"
    image.write_bytes(bytes(range(256)) * 12_000)
    page.get_by_role("tab", name="Image").click()
    page.get_by_label("Image file").set_input_files(str(image))
    page.get_by_text("Written: 3.1 MB").wait_for()

    page.get_by_role("button", name="Give back").click()
    page.get_by_text("done", exact=True).wait_for()


PRESSED_TO_SHOWN = """
words => new Promise(done => {
  let pressed = 0;
  const note = event => { pressed ||= event.key === "c" ? performance.now() : 0 };
  addEventListener("keydown", note, true);
  const rows = document.querySelector("#panel-terminal .xterm-rows");
  const look = () => {
    if (pressed && rows.innerText.includes(words)) done((performance.now() - pressed) / 1000);
    else requestAnimationFrame(look);
  };
  look();
})
"""
"""Seconds from a pressed Ctrl-C to the first frame that shows some words."""


def test_ctrl_c_is_answered_within_half_a_second_of_a_flood(page: Any, lab: Lab) -> None:
    """In pairs, with a flood and without: what else the machine does makes both late."""
    borrow(page, lab)
    taken: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(10):
        flooded = bool(turn % 2)
        if flooded:
            page.keyboard.type("yes flood-$((1+1))\n")
            screen(page, "flood-2")
        page.evaluate(f"void (window.shown = ({PRESSED_TO_SHOWN})('stopped-{turn}.'))")
        page.keyboard.press("Control+c")
        page.keyboard.type(f"clear; echo stopped-$(({turn}+0)).\n")
        taken[flooded].append(page.evaluate("window.shown"))
    print(f"seconds from Ctrl-C to its answer, quiet and flooded: {taken}")
    assert median(taken[True]) - median(taken[False]) <= 0.5, taken


def test_a_console_cannot_write_into_the_page(page: Any, lab: Lab) -> None:
    borrow(page, lab)
    page.keyboard.type(
        r"""printf '<img src=x onerror=alert(1)>\033]2;evil\007\n'; echo did-$((1+1))"""
    )
    page.keyboard.press("Enter")
    screen(page, "did-2")
    assert "evil" not in page.title()
    assert page.locator(".xterm img").count() == 0


def test_a_killed_server_is_told_and_come_back_to(page: Any, lab: Lab) -> None:
    borrow(page, lab)
    lab.kill_server()
    page.get_by_role("alert").get_by_text("No word from the server since").wait_for()
    page.locator("#panel-terminal .bar").get_by_text("the connection is lost").wait_for()
    lab.start_server()
    page.get_by_role("alert").wait_for(state="detached", timeout=40_000)
    page.locator("#panel-terminal .bar").get_by_text("connected").wait_for(timeout=40_000)
    page.locator("#panel-terminal .xterm-helper-textarea").focus()
    page.keyboard.type("echo back-$((1+1))\n")
    screen(page, "back-2")


def test_a_restart_of_the_server_loses_no_output_where_a_door_keeps_the_terminals(
    page: Any, tmp_path: Path
) -> None:
    with laboratory(tmp_path, ssh_addr=f"127.0.0.1:{free_port()}") as lab:
        # The server takes the door as soon as it is there; before that it keeps terminals itself.
        while not (tmp_path / "server" / "door.sock").exists():
            page.wait_for_timeout(100)
        borrow(page, lab)
        page.keyboard.type("kept=41; clear; echo begun-$((1+1))\n")
        screen(page, "begun-2")
        page.keyboard.type("for n in $(seq 1 9); do echo said-$n.; sleep 0.3; done\n")
        screen(page, "said-1.")
        lab.kill_server()
        page.locator("#panel-terminal .bar").get_by_text("the connection is lost").wait_for()
        lab.start_server()
        page.locator("#panel-terminal .bar").get_by_text("connected").wait_for(timeout=40_000)
        screen(page, "said-9.")
        shown = page.locator("#panel-terminal .xterm-rows").inner_text()
        assert re.findall(r"^said-(\d)\.", shown, re.MULTILINE) == list("123456789")
        page.locator("#panel-terminal .xterm-helper-textarea").focus()
        page.keyboard.type("echo back-$((kept+1))\n")
        screen(page, "back-42")


def test_two_see_one_terminal(page: Any, new_page: Any, lab: Lab) -> None:
    borrow(page, lab)
    page.keyboard.type("echo first-$((1+1))\n")
    screen(page, "first-2")
    other = new_page()
    other.goto(page.url)
    screen(other, "first-2")
    bar = other.locator("#panel-terminal .bar")
    bar.get_by_role("button", name="Record").click()
    for one in (page, other):
        one.locator("#panel-terminal .bar").get_by_text("being recorded").wait_for()
    other.locator("#panel-terminal .xterm-helper-textarea").focus()
    other.keyboard.type("echo second-$((1+1))\n")
    screen(page, "second-2")
    screen(other, "second-2")
    with other.expect_download() as saved:
        bar.get_by_role("button", name="Stop and save").click()
    assert saved.value.suggested_filename.endswith(".cast")
    head, *events = map(json.loads, Path(saved.value.path()).read_text().splitlines())
    assert head["version"] == 2
    assert "second-2" in "".join(text for _, kind, text in events if kind == "o")
    page.locator("#panel-terminal .bar .recorded").wait_for(state="detached")
    bar.get_by_role("button", name="Play", exact=True).click()
    other.locator("dialog .player .ap-term-text").get_by_text("second-2").first.wait_for()
