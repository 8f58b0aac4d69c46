"""Run by the Python of labgrid's own environment: a driver of labgrid, called by lines of JSON.

    python -I labgrid_adapter.py ENVIRONMENT TARGET NAME power|button

It imports nothing of ours, since we are not there. It ends when its input ends.
"""

import importlib
import json
import os
import sys
from typing import Any, Final

PROTOCOLS: Final = {"power": "PowerProtocol", "button": "DigitalOutputProtocol"}


def find_driver(environment: str, target: str, name: str, kind: str) -> Any:
    """Return the activated driver."""
    labgrid = importlib.import_module("labgrid")
    protocol = getattr(importlib.import_module("labgrid.protocol"), PROTOCOLS[kind])
    found = labgrid.Environment(environment).get_target(target)
    if found is None:
        raise LookupError(f"{environment} has no target {target!r}")
    return found.get_driver(protocol, name=name or None)


def perform(driver: Any, act: str) -> dict[str, object]:
    """Do an act and return what is answered."""
    if act == "state":
        read = getattr(driver, "get", None)
        return {"on": None if read is None else bool(read())}
    if hasattr(driver, "set"):
        driver.set(act == "on")
    else:
        getattr(driver, {"on": "on", "off": "off"}[act])()
    return {}


def main(arguments: list[str]) -> None:
    """Answer every line of standard input."""
    # What labgrid and its backends print must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    driver: Any = None
    for line in sys.stdin:
        try:
            if driver is None:
                driver = find_driver(*arguments)
            answer = perform(driver, json.loads(line)["act"])
        except Exception as error:  # noqa: BLE001  # any backend may fail in any way
            answer = {"error": f"labgrid: {type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
