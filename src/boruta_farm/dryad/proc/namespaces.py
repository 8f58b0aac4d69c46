"""In which namespaces a process runs."""

from boruta_farm.dryad.proc.processes import PROC


def read_pid_namespace(pid: int) -> str:
    """Return the name of a process's PID namespace, empty where it cannot be read."""
    try:
        return str((PROC / str(pid) / "ns" / "pid").readlink())
    except OSError:
        return ""
