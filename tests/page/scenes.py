"""Farms as the page may meet them: real farms in memory, filled for looking at."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerChange, WorkerState
from tests.client.serving import Served, uuid_of

KINDS: Mapping[str, Mapping[str, str]] = {
    "rpi4": {"arch": "arm64", "ram": "4", "hdmi": "yes"},
    "rpi3": {"arch": "arm64", "ram": "1"},
    "visionfive2": {"arch": "riscv64", "ram": "8"},
    "beaglebone": {"arch": "armv7", "ram": "0.5"},
    "odroid-xu4": {"arch": "armv7", "ram": "2", "usb3": "yes"},
    "imx8mq-evk": {"arch": "arm64", "ram": "3", "hdmi": "yes"},
    "rock-pi-4": {"arch": "arm64", "ram": "4"},
    "jetson-nano": {"arch": "arm64", "ram": "4", "cuda": "yes"},
    "stm32mp157": {"arch": "armv7", "ram": "1"},
    "qemu-arm64": {"arch": "arm64", "ram": "2", "virtual": "yes"},
}
TOOLS = {"tool.power": "yes", "tool.console": "yes", "tool.storage": "yes"}

Scene = Callable[[Served], None]


def empty(_served: Served) -> None:
    """Leave the farm without boards."""


def three(served: Served) -> None:
    """Three boards of three kinds: one free, one held, one failed."""
    served.board(1, "lab-rpi4-1", caps("rpi4"))
    served.board(2, "lab-rpi3-1", caps("rpi3"))
    served.board(3, "lab-visionfive-1", caps("visionfive2"))
    borrow(served, "rpi3")
    served.fail(3, "prompt 'login:' not seen within 60 s")


def many(count: int) -> Scene:
    """Return a farm of so many boards of ten kinds, most of them free, as drawn by a seed."""

    def scene(served: Served) -> None:
        draw = random.Random(7)
        kinds = [draw.choice(list(KINDS)) for _ in range(count)]
        names = [f"lab-{kind}-{number}" for number, kind in enumerate(kinds, 1)]
        away = [name for name in names if draw.random() < 0.15]
        served.boards({n: caps(k) for n, k in zip(names, kinds, strict=True)}, away)

    return scene


def busy(served: Served) -> None:
    """Forty boards, most of them held, some in trouble, and a queue."""
    draw = random.Random(11)
    for number in range(1, 41):
        kind = list(KINDS)[number % 6]
        served.board(number, f"lab-{kind}-{number}", caps(kind))
    for number in range(1, 41):
        if draw.random() < 0.7:
            borrow(served, list(KINDS)[number % 6], minutes=draw.choice([20, 60, 180]))
    served.fail(7, "power supply does not answer: 192.0.2.14 timed out")
    served.fail(13, "prompt 'login:' not seen within 60 s")
    for reason, number in (("new SD card", 20), ("moved to rack 4", 26)):
        served.do(
            served.contracts.workers.set_state(
                LOCAL_ADMIN, uuid_of(number), WorkerState.MAINTENANCE, reason=reason
            )
        )
    for _ in range(6):
        borrow(served, "rpi3", minutes=60)
    served.do(
        served.contracts.workers.describe(
            LOCAL_ADMIN,
            uuid_of(1),
            WorkerChange(notes="Rack 2, shelf 3. The HDMI grabber is flaky.", labels={"rack": "2"}),
        )
    )


def caps(kind: str) -> dict[str, str]:
    """Return the capabilities of a board of this kind."""
    return {"board": kind, **KINDS[kind], **TOOLS}


def borrow(served: Served, kind: str, minutes: int = 60, **more: object) -> int:
    """File a request for a kind of board and return its ID, once what can be lent is lent."""
    new = NewRequest(caps={"board": kind}, priority=8, length=timedelta(minutes=minutes))
    filed = served.do(served.contracts.requests.new_request(LOCAL_ADMIN, new))
    served.settle()
    return filed.id
