"""The one line by which somebody signs in."""

import shlex
from pathlib import Path


def login_command(server: str, ca_file: Path | None) -> str:
    """Return what to type; ``ca_file`` None is a farm whose certificate the system trusts."""
    authority = [] if ca_file is None else ["--ca-file", str(ca_file)]
    return shlex.join(["boruta", "login", server, *authority])
