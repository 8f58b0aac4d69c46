"""``dut_boot.sh``: the device started anew from its card, and waited for."""

import time
from typing import Any, Final

from boruta_farm.dryad.dut import console
from boruta_farm.dryad.dut.call import DutConversation, DutError, UsageError, ask
from boruta_farm.dryad.dut.frames import DATA, RESULT, Status
from boruta_farm.dryad.dut.original.device import PORT, has_port

BANNER: Final = b"SSH-"
USUAL_LIMIT: Final = 120.0
EACH: Final = 5.0
BETWEEN: Final = 0.5
"""Seconds: a port that refuses is not there yet, and nothing tells when it is."""


def operate(_name: str, words: list[str]) -> int:
    """Give card and power, and wait for what the board's tables say: a text, or the ssh port."""
    if words:
        raise UsageError("dut_boot.sh takes no words")
    tools: list[dict[str, Any]] = ask("list")["tools"]
    power = _first(tools, "power")
    if power is None:
        raise DutError(Status.FAILED, "this board has no power to switch; dut shows what it has")
    for card in tools:
        if card["kind"] == "storage":
            ask("storage.give", card["name"], to="dut")
    port = _first(tools, "console")
    if port is not None and port.get("booted"):
        limit = f"{float(port['boot_within']):g}s"
        waited = ("--expect", port["booted"], "--timeout", limit, "--power", power["name"])
        return console.operate("boot", [port["name"], *waited], json=False)
    ask("power.cycle", power["name"])
    if any(map(has_port, tools)):
        _wait_for_port(time.monotonic() + USUAL_LIMIT)
    return Status.DONE


def _first(tools: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((tool for tool in tools if tool["kind"] == kind), None)


def _wait_for_port(until: float) -> None:
    """Wait until the device's SSH server greets. Raises DutError when its time is over."""
    why = "no answer"
    while time.monotonic() < until:
        try:
            if _greets(min(until, time.monotonic() + EACH)):
                return
        except TimeoutError:
            why = "it does not greet"
        except DutError as error:
            if error.status not in (Status.FAILED, Status.USAGE):
                raise
            why = str(error)
        time.sleep(BETWEEN)
    raise DutError(
        Status.FAILED, f"the device did not answer at its port {PORT} in {USUAL_LIMIT:g} s: {why}"
    )


def _greets(until: float) -> bool:
    """Connect and tell whether an SSH server is there. Raises TimeoutError, DutError."""
    conversation = DutConversation("net.connect", port=PORT)
    try:
        conversation.limit(until)
        for letter, data in conversation.frames():
            if letter == DATA:
                return data.startswith(BANNER)
            if letter == RESULT:
                return False
        return False
    finally:
        conversation.close()
