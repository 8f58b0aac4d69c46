"""The three pictures of README and documentation, taken of farms that really run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from boruta_farm.client.blocking import Bridge
from boruta_farm.demo.boards import SANDBOXES
from tests.client.serving import serve
from tests.e2e.stage import stage
from tests.page import scenes
from tests.page.browser import chromium
from tests.page.screens import place

SIZE = {"width": 1440, "height": 810}
FARM = (("page-boards", "/", "light"), ("page-queue", "/queue", "dark"))


def renew(folder: Path) -> None:
    """Write them: all boards, a lent board's cockpit, the queue in the dark."""
    folder.mkdir(exist_ok=True)
    with chromium() as browser:
        with serve() as served:
            scenes.busy(served)
            for name, path, theme in FARM:
                page = browser.new_page(viewport=SIZE, color_scheme=theme)
                place(path)(page, served)
                page.wait_for_timeout(500)
                page.screenshot(path=str(folder / f"{name}.png"))
                page.close()
        with TemporaryDirectory() as place_of_farm, Bridge() as bridge:
            board = SANDBOXES[0].renamed("lab-rpi4-1")
            with bridge.enter(stage(Path(place_of_farm), board)) as one:
                page = browser.new_page(viewport=SIZE, color_scheme="light")
                page.goto(one.yard.url)
                page.get_by_role("button", name="Borrow rpi4").click()
                page.locator("dialog button.main").click()
                page.locator("#panel-terminal .bar").get_by_text("connected").wait_for()
                page.get_by_role("button", name="On", exact=True).click()
                page.get_by_text("on, 2.4 W").wait_for()
                page.get_by_role("button", name="Side by side").click()
                page.locator("#panel-console .xterm-rows").get_by_text("=>").first.wait_for()
                page.locator("#panel-terminal .screen").click()
                page.keyboard.type("dut\n")
                page.locator("#panel-terminal .xterm-rows").get_by_text("uart").first.wait_for()
                page.locator("aside").evaluate("place => place.scrollTo(0, 0)")
                page.mouse.move(0, 0)
                page.wait_for_timeout(500)
                page.screenshot(path=str(folder / "page-cockpit.png"))
                page.get_by_role("button", name="Give back").click()
                page.get_by_text("done", exact=True).wait_for()
                page.close()
