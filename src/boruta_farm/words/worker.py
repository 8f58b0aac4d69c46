"""Workers in words."""

from collections.abc import Mapping

from boruta_farm.model.worker import (
    CLOCK_FACT,
    TOOL_CAPABILITY,
    UUID_CAPABILITY,
    Worker,
    WorkerState,
)

STATES = {
    WorkerState.RUNNING: "running",
    WorkerState.IDLE: "idle",
    WorkerState.PREPARE: "being prepared",
    WorkerState.BUSY: "going into maintenance",
    WorkerState.MAINTENANCE: "in maintenance",
    WorkerState.FAILED: "failed",
}
"""What a count of workers in a state is called, in the order in which people read them."""

OUT_OF_REACH = "its agent is out of reach"
"""The reason of a worker that failed because its agent was lost; since when stands beside it."""


def caps_text(caps: Mapping[str, str]) -> str:
    """Write capabilities as they are given to ``-c``, the UUID left out."""
    shown = sorted(item for item in caps.items() if item[0] != UUID_CAPABILITY)
    return " ".join(f"{name}={value}" for name, value in shown)


def board_text(caps: Mapping[str, str]) -> str:
    """Write what a board is, as ``caps_text`` does; its tools are told apart."""
    return caps_text({k: v for k, v in caps.items() if not k.startswith(TOOL_CAPABILITY)})


def tools_text(caps: Mapping[str, str]) -> str:
    """Write the kinds of tools that a board has, and what it can be made ready with."""
    names = (n.removeprefix(TOOL_CAPABILITY) for n in caps if n.startswith(TOOL_CAPABILITY))
    return " ".join(sorted(name for name in names if "." not in name))


def state_text(worker: Worker) -> str:
    """Write a worker's state with what else is to be known of it."""
    notes = []
    if worker.borrowed_from is not None and worker.state is not WorkerState.FAILED:
        notes.append("borrowed")
    if worker.unreachable_since is not None:
        notes.append("unreachable")
    if worker.after_job and worker.state is WorkerState.RUNNING:
        notes.append(f"then {worker.borrowed_from or WorkerState.MAINTENANCE}")
    if CLOCK_FACT in (worker.facts or {}):
        notes.append("clock wrong")
    return f"{worker.state} ({', '.join(notes)})" if notes else str(worker.state)
