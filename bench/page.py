"""The page of a large farm, in the distribution's Chromium on a slow machine with a thin link."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.page.browser import chromium, why_not

from bench.fill import board_uuid
from bench.generator import LoadError, Sample
from bench.lab import Lab, Serving, Size, SkippedError
from bench.processes import fetch, processor_time
from bench.table import Row

SLOWER = 4
"""Times that the browser's processor is slowed."""
BYTES_A_SECOND = 10_000_000 // 8
"""10 Mbit/s."""
LATENCY = 10
"""Milliseconds that each answer is late."""

BOARDS, LOADS, CHANGES = 1000, 5, 20
VIEWERS, A_SECOND, SECONDS, ROUNDS = 50, 50.0, 5.0, 3
MOST_PAINT, MOST_SIZE, MOST_CHANGE, MOST_CORE = 1.2, 60_000, 0.1, 0.05

FREE = r"() => /\d+ of \d+ free/.test(document.body.innerText)"
SEEN = """(words) => { window.seen = new Promise((resolve) => {
    const watcher = new MutationObserver(() => {
        if (!document.querySelector("main").innerText.includes(words)) return;
        watcher.disconnect();
        // What is in the document now is painted by the next frame.
        requestAnimationFrame(() => setTimeout(() => resolve(Date.now())));
    });
    watcher.observe(document.body, {subtree: true, childList: true, characterData: true});
}); }"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def page(lab: Lab) -> list[Row]:
    """Measure the page as the issue's aims say. Raises SkippedError without a browser."""
    return measure(lab, BOARDS, LOADS, CHANGES, SECONDS)


def measure(lab: Lab, boards: int, loads: int, changes: int, seconds: float) -> list[Row]:
    """Measure with so many boards; each load of the page begins with nothing kept."""
    if (reason := why_not()) is not None:
        raise SkippedError(reason)
    with lab.serve(Size(ready=boards, connected=0)) as server:
        with chromium() as browser:
            rows = [*_loads(browser, server, boards, loads), _change(browser, server, changes)]
        return [*rows, _viewers(lab, server, seconds)]


@contextmanager
def _window(browser: Any) -> Iterator[tuple[Any, Any]]:
    """Open a window with an empty memory, slow as a phone on a thin link."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        window = context.new_page()
        session = context.new_cdp_session(window)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY,
                "downloadThroughput": BYTES_A_SECOND,
                "uploadThroughput": BYTES_A_SECOND,
            },
        )
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        yield window, session
    finally:
        context.close()


def _loads(browser: Any, server: Serving, boards: int, loads: int) -> list[Row]:
    paints, lives, sizes = [], [], []
    for _ in range(loads):
        taken: list[int] = []
        with _window(browser) as (window, session):
            session.on(
                "Network.loadingFinished",
                lambda event, taken=taken: taken.append(int(event["encodedDataLength"])),
            )
            window.goto(f"http://127.0.0.1:{server.port}/")
            window.wait_for_function(FREE)
            lives.append(window.evaluate("() => performance.now()") / 1000)
            paints.append(window.evaluate(PAINT) / 1000)
            sizes.append(sum(taken))
    paint, size = median(paints), max(sizes)
    return [
        Row(
            name=f"page with {boards:,} boards: first paint",
            value=f"{paint:.2f} s, all boards there {median(lives):.2f} s",
            aim=f"first paint <= {MOST_PAINT:g} s",
            met=paint <= MOST_PAINT,
        ),
        Row(
            name="  compressed, to the live page",
            value=f"{size / 1000:.1f} KB",
            aim=f"<= {MOST_SIZE / 1000:.0f} KB",
            met=size <= MOST_SIZE,
        ),
    ]


def _change(browser: Any, server: Serving, changes: int) -> Row:
    """Change one board's label again and again, and see when it is painted."""
    workers = fetch(server.port, "/api/v1/workers/?fields=WorkerUUID,Name")
    assert isinstance(workers, list), "a list of boards"
    one = workers[len(workers) // 2]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    taken = []
    with _window(browser) as (window, _):
        window.goto(f"http://127.0.0.1:{server.port}/?q={one['WorkerUUID']}")
        window.get_by_role("link", name=one["Name"], exact=True).first.wait_for()
        for number in range(changes):
            window.evaluate(SEEN, f"seen-{number}.")
            began = time.time()
            body = json.dumps({"Labels": {"at": f"seen-{number}."}})
            connection.request("POST", f"/api/v1/workers/{one['WorkerUUID']}/describe", body)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400:
                raise LoadError(f"a board's label was refused with status {answer.status}")
            taken.append(window.evaluate("window.seen") / 1000 - began)
    connection.close()
    half = median(taken)
    return Row(
        name="  a change, until it is on the screen",
        value=f"p50 {half * 1000:.0f} ms, the slowest {max(taken) * 1000:.0f} ms",
        aim=f"p50 <= {MOST_CHANGE * 1000:.0f} ms",
        met=half <= MOST_CHANGE,
    )


def _viewers(lab: Lab, server: Serving, seconds: float) -> Row:
    """Compare the server's processor time for changes with viewers and without, in turn."""
    load = lab.own_load

    def spent(turn: int) -> float:
        # What is as it was changes nothing: each call has a label of its own.
        samples = [
            Sample(
                method="POST",
                path=f"/api/v1/workers/{board_uuid(0)}/describe",
                body={"Labels": {"at": f"{turn}-{number}"}},
            )
            for number in range(int(A_SECOND * seconds) + 100)
        ]
        before, began = processor_time(server.pid), time.monotonic()
        load.pace(server.port, samples, 4, A_SECOND, seconds)
        return (processor_time(server.pid) - before) / (time.monotonic() - began)

    costs = []
    spent(0)
    for turn in range(1, 2 * ROUNDS, 2):
        alone = spent(turn)
        with load.listening(server.port, VIEWERS, "?records=1"):
            costs.append(spent(turn + 1) - alone)
    cost = median(costs)
    return Row(
        name=f"  {VIEWERS} viewers of {A_SECOND:.0f} changes a second",
        value=f"{cost * 100:.1f} % of a core",
        aim=f"<= {MOST_CORE * 100:.0f} %",
        met=cost <= MOST_CORE,
    )
