"""Pictures of the page, to be looked at: ``python -m tests.page.screens FOLDER [SCENE ...]``.

Every scene at three widths in both themes. ``--docs`` renews the three pictures that README and
documentation show, so that they stay true.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.client.serving import Served, serve
from tests.page import scenes
from tests.page.browser import THEMES, WIDTHS, chromium, why_not

DOCS = Path(__file__).parents[2] / "docs" / "images"
Looked = Callable[[Any, Served], None]


def place(path: str) -> Looked:
    """Return what goes to a place and waits until it is there."""

    def look(page: Any, served: Served) -> None:
        page.goto(served.address + path)
        page.get_by_role("main").locator("h1, h2, .kind, .wall-figures").first.wait_for()

    return look


def sheet(page: Any, served: Served) -> None:
    """Ask for a board that is held."""
    place("/")(page, served)
    page.keyboard.press("b")
    page.locator("dialog select").first.select_option(label="rpi3")
    page.locator(".outlook").get_by_text("none is free").wait_for()


def waiting(page: Any, served: Served) -> None:
    """Wait in the queue."""
    sheet(page, served)
    page.locator("dialog button.main").click()
    page.locator(".waiting-card").wait_for()


def offline(page: Any, served: Served) -> None:
    """Lose the server."""
    place("/")(page, served)
    page.route("**/api/**", lambda route: route.abort())
    served.cut()
    page.get_by_role("alert").wait_for()


def running(served: Served) -> None:
    """Fill the farm with what a busy day has."""
    scenes.busy(served)


SCENES: dict[str, tuple[scenes.Scene, Looked]] = {
    "no-boards": (scenes.empty, place("/")),
    "three-boards": (scenes.three, place("/")),
    "thousand-boards": (scenes.many(1000), place("/")),
    "busy": (running, place("/")),
    "borrow": (running, sheet),
    "waiting": (running, waiting),
    "queue": (running, place("/queue")),
    "cockpit": (running, place("/requests/3")),
    "failed-board": (running, place("/boards/lab-rpi3-7")),
    "history": (running, place("/history")),
    "numbers": (running, place("/numbers")),
    "admin": (running, place("/admin")),
    "offline": (running, offline),
    "wall": (running, place("/wall")),
}


def photograph(folder: Path, wanted: list[str]) -> None:
    """Write a picture of each scene, at each width, in each theme."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name in wanted or list(SCENES):
            scene, look = SCENES[name]
            with serve() as served:
                scene(served)
                for width, height in WIDTHS.items():
                    for theme in THEMES:
                        page = browser.new_page(
                            viewport={"width": width, "height": height}, color_scheme=theme
                        )
                        look(page, served)
                        page.wait_for_timeout(500)
                        page.screenshot(path=str(folder / f"{name}-{width}-{theme}.png"))
                        page.close()


def main() -> None:
    """Do what the command line says."""
    if (reason := why_not()) is not None:
        sys.exit(f"no pictures: {reason}")
    arguments = sys.argv[1:]
    if arguments == ["--docs"]:
        from tests.page.pictures import renew

        renew(DOCS)
    elif arguments:
        photograph(Path(arguments[0]), arguments[1:])
    else:
        sys.exit("usage: python -m tests.page.screens FOLDER [SCENE ...] | --docs")


if __name__ == "__main__":
    main()
