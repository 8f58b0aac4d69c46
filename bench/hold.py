"""How long any one call holds the loop: bodies at their limits, in calls of GET."""

import http.client
import json
from collections.abc import Callable
from statistics import median

from bench.lab import Lab, Serving, Size
from bench.processes import processor_time
from bench.table import Row
from boruta_farm.model.settings import FarmSettings
from boruta_farm.web.bodies import TOLERATED
from boruta_farm.web.limits import MAX_BODY

TIMES = 10
GETS = 500
LONGEST = 50
"""Calls of GET, as which no call is to hold the loop longer."""

NEW = "/api/v1/reqs/"
LIST = "/api/v1/reqs/list"
SELECTOR = FarmSettings().max_selector_length
FILLED = Size(waiting=200)


def many(piece: Callable[[int], str], most: int, between: str = ",") -> str:
    """Return as many different pieces as so many characters hold."""
    found: list[str] = []
    length, number = 0, 0
    while (length := length + len(piece(number)) + len(between)) < most:
        found.append(piece(number))
        number += 1
    return between.join(found)


def bodies(turn: int) -> dict[str, tuple[str, str]]:
    """Return path and body of each kind; other ones in each turn, so that nothing is remembered."""
    room = MAX_BODY - 64
    lenient = TOLERATED - 64

    def selecting(piece: Callable[[int], str]) -> str:
        return json.dumps({"Caps": {}, "Priority": 8, "Selector": many(piece, SELECTOR, ", ")})

    return {
        "1 MiB of capabilities": (
            NEW,
            '{{"Priority":8,"Caps":{{{}}}}}'.format(many(lambda n: f'"{n:x}":"{turn}"', room)),
        ),
        "1 MiB of ids in a list": (
            LIST,
            f'{{"Filter":{{"IDs":[{many(lambda n: str(n + turn), room)}]}}}}',
        ),
        "1 MiB of states in a list": (
            LIST,
            '{{"Filter":{{"States":[{}]}}}}'.format(many(lambda _: '"DONE"', room)),
        ),
        "keys that only leniency reads": (
            NEW,
            "{{{}}}".format(many(lambda _: '"caps":{}', lenient)),
        ),
        "a selector of names": (NEW, selecting(lambda n: f"n{turn}x{n:x}")),
        "a selector of values": (NEW, selecting(lambda n: f"a{n} = {turn}")),
        "a selector of ranges": (NEW, selecting(lambda n: f"a{turn} >= {n}")),
        "a selector of refusals": (NEW, selecting(lambda n: f"a{turn} != {n}")),
        "a list by a selector": (
            LIST,
            json.dumps({"Filter": {"Selector": many(lambda n: f"n{turn}y{n:x}", SELECTOR, ", ")}}),
        ),
    }


def hold(lab: Lab) -> list[Row]:
    """Measure the server's processor time for each kind of body, against that of a GET.

    What other threads do of a call counts too, so the loop is held no longer than this.
    """
    with lab.serve(FILLED) as server:
        ask = _Asker(server)
        gets = [ask.cost("GET", "/api/v1/reqs/50", None) for _ in range(GETS)]
        get = sum(gets[GETS // 5 :]) / len(gets[GETS // 5 :])
        found: dict[str, list[float]] = {}
        for turn in range(TIMES):
            for name, (path, body) in bodies(turn).items():
                found.setdefault(name, []).append(ask.cost("POST", path, body))
        ask.close()
    rows = [Row(name="processor time of a GET", value=f"{get * 1e6:.0f} us")]
    for name, seconds in found.items():
        calls = median(seconds) / get
        rows.append(
            Row(
                name=f"  {name}",
                value=f"{median(seconds) * 1000:.1f} ms, as {calls:.0f} of them",
                aim=f"<= {LONGEST}",
                met=calls <= LONGEST,
            )
        )
    return rows


class _Asker:
    """Make one call after the other on one connection, and tell what each cost the server."""

    def __init__(self, server: Serving) -> None:
        self._pid = server.pid
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def cost(self, method: str, path: str, body: str | None) -> float:
        """Return the seconds of processor time; whether the call is refused does not matter."""
        before = processor_time(self._pid)
        self._connection.request(method, path, body)
        self._connection.getresponse().read()
        return processor_time(self._pid) - before

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
