"""How a board is to be when it is handed over: flashed with an image, booted to a prompt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from boruta_farm.model.declared import Shown

IMAGE_CAPABILITY = "tool.image"
"""What agents tell that can flash an image before the hand-over, one storage being the only one.

``tool.image.NAME`` is told of each storage that takes images from addresses."""

BOOT_CAPABILITY = "tool.boot"
"""What agents tell that can boot the device and wait for its prompt before the hand-over."""

DIGEST_MARK = "#sha256="
"""Stands between an image's address and its sum."""

BEGINNING = "it begins"
"""The progress of a board that has not told any yet."""

LONGEST_IMAGE = 2000
LONGEST_PATTERN = 1000
LONGEST_STORAGE = 31
LONGEST_PROGRESS = 200
MOST_LINES = 5
LONGEST_LINE = 160
"""Of what a console said last, as the reason of a request tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyingBoard:
    """Tell which board is being made ready for a request that still shows WAITING."""

    worker: Annotated[str, Shown("WorkerUUID", "the worker whose board it is")]
    since: Annotated[datetime, Shown("Since", "when that began")]
    progress: Annotated[str, Shown("Progress", "how far it is flashed and booted")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Carry what is to be done to a board before somebody gets it.

    ``image`` is a web address, ``sha256`` what it must have (64 hexadecimal digits), where that is
    known; ``storage`` names the medium where there are several. ``boot_until`` is a regular
    expression that one of the device's consoles must show after power was switched on.
    """

    image: str | None = None
    sha256: str | None = None
    storage: str | None = None
    boot_until: str | None = None
