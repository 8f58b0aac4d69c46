"""A farm for the scheduler's bench: boards, demands and requests, the same for the same numbers."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

from boruta_farm.core.moments import micros
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.waiting import Asked, Waiting
from boruta_farm.model.worker import Fence, Worker, WorkerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEED = 7
FLAGS = ("hdmi", "usb", "can", "wifi")
RAM = ("1", "2", "4", "8", "16")
PORTS = ("uart", "uart,usb2", "uart,usb2,usb3", "usb3")
SPARE = "spare"
"""The kind of boards that stay idle until a request asks for one."""


class Wanted(NamedTuple):
    """What a request asks for: exact values, and a selector in canonical form."""

    caps: dict[str, str]
    selector: str | None = None


def make_worker(number: int, workers: int, serial: bool) -> Worker:
    """Return one of the farm's boards, a hundredth of them spare and idle."""
    source = random.Random(number)
    spare = number % 100 == 99
    kind = source.randrange(min(100, workers // 10))
    caps = {
        "UUID": f"{number:08}",
        "arch": f"a{kind % 4}",
        "type": SPARE if spare else f"t{kind}",
        "lab": f"l{source.randrange(10)}",
        "ram": RAM[kind % len(RAM)],
        "ports": PORTS[kind // 5 % len(PORTS)],
        **{flag: "yes" for flag in FLAGS if source.random() < 0.5},
    }
    if serial:
        caps["serial"] = f"s{number}"
    return Worker(
        uuid=f"{number:08}",
        name=f"board-{number}",
        state=WorkerState.IDLE if spare else WorkerState.RUNNING,
        since=NOW,
        caps=caps,
        groups=(),
        epoch=1,
        fence=Fence.AGENT,
        dryad_address="192.0.2.1:7175",
        ssh_address="192.0.2.1:22",
        port=20000,
        registered=NOW,
    )


def make_demands(count: int, workers: int, asked: bool) -> list[Wanted]:
    """Return distinct demands, nearly all of which some board can serve, a quarter selectors.

    When serial numbers are ``asked`` for, every demand names that of one worker.
    """
    if asked:
        return [Wanted({"serial": f"s{n}"}) for n in range(workers) if n % 100 != 99][:count]
    types = min(100, workers // 10)
    subsets = [{f: "yes" for f, on in zip(FLAGS, bits, strict=True) if on} for bits in _bits()]
    special = [
        {"type": f"t{t}", "lab": f"l{lab}", **flags}
        for t, lab, flags in product(range(types), range(10), subsets)
    ]
    special += [{**wanted, "arch": f"a{int(wanted['type'][1:]) % 4}"} for wanted in special]
    source = random.Random(SEED)
    source.shuffle(special)
    selecting = [
        Wanted({}, f"{refused}lab != l{lab}, {more}type in (t{t}, t{(t + 1) % types})")
        for t, lab, refused, more in product(
            range(types), range(10), ("", "!can, ", "!usb, "), tuple(_conditions())
        )
    ]
    source.shuffle(selecting)
    plain = [{"type": f"t{t}"} for t in range(types)] + [{"lab": f"l{n}"} for n in range(10)]
    exact = [Wanted(caps) for caps in plain[: count // 10] + special]
    quarter = count // 4
    return selecting[:quarter] + exact[: count - quarter]


def _conditions() -> Iterator[str]:
    yield ""
    yield from (f"ram >= {ram}, " for ram in RAM[:3])
    yield from ("ports has usb3, ", "ports has uart, ", "ram 2..8, ")


def _bits() -> Iterator[tuple[bool, ...]]:
    return product((False, True), repeat=len(FLAGS))


def make_request(number: int, wanted: Wanted) -> Request:
    """Return a waiting request; the priorities are spread over three."""
    return Request(
        id=number,
        owner="ann",
        owner_groups=None,
        priority=7 + number % 3,
        valid_after=NOW,
        deadline=NOW + 1000 * HOUR + timedelta(microseconds=number),
        state=RequestState.WAITING,
        caps=wanted.caps,
        selector=wanted.selector,
        created=NOW,
    )


def ask(wanted: Wanted) -> Asked:
    """Return what the requests of ``make_request`` that want the same share."""
    caps, selector = wanted
    return Asked(owner="ann", owner_groups=None, caps=caps, selector=selector, ssh_key=None)


def make_waiting(number: int, asked: Asked) -> Waiting:
    """Return the request of ``make_request`` in brief, as it is read at a start."""
    since = micros(NOW)
    return Waiting(
        id=number,
        asked=asked,
        priority=7 + number % 3,
        created=since,
        valid_after=since,
        deadline=micros(NOW + 1000 * HOUR + timedelta(microseconds=number)),
        revision=1,
        orphaned_since=None,
    )
