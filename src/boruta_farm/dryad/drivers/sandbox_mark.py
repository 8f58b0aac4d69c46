"""The mark in the environment by which a sandbox's processes are known.

It survives the death of the process that adopts the session's orphans.
"""

from collections.abc import Iterable, Iterator

from boruta_farm.dryad.proc.processes import Process, find_below, list_processes, read_environment

MARK = "BORUTA_SESSION"
"""The environment variable that marks a session's processes."""


def is_marked(pid: int, mark: str) -> bool:
    """Tell whether a process was started with ``mark``; False where it cannot be read."""
    return f"{MARK}={mark}".encode() in read_environment(pid)


def is_any_session(pid: int) -> bool:
    """Tell whether a process was started with the mark of any sandbox."""
    name = f"{MARK}=".encode()
    return any(each.startswith(name) for each in read_environment(pid))


def find_session(mark: str, leave: Iterable[int] = ()) -> Iterator[Process]:
    """Yield what bears ``mark`` and what descends from it, without the pids in ``leave``."""
    world = list_processes()
    marked = [pid for pid in world if is_marked(pid, mark)]
    pids = {*marked, *(process.pid for process in find_below(marked, world))}
    for pid in sorted(pids.difference(leave)):
        yield world[pid]
