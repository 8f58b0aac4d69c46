"""What a package carries is picked from the lock."""

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

CLOSURE = Path(__file__).parents[2] / "packaging" / "closure.py"
LOCK = """\
anyio==4.0 \\
    --hash=sha256:aa
websockets==15.0 ; python_version >= "3.9" \\
    --hash=sha256:bb \\
    --hash=sha256:cc
zope-x==1.0 \\
    --hash=sha256:dd
"""


def run(lock: str, *needs: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(CLOSURE), *needs],
        input=lock,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_board_carries_one_library() -> None:
    done = run(LOCK, "websockets")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("websockets==15.0")
    assert done.stdout.count("--hash") == 2
    assert "zope" not in done.stdout


def test_what_is_not_locked_is_told() -> None:
    done = run(LOCK, "httpx")
    assert done.returncode == 1
    assert "not in the lock" in done.stderr
    assert "httpcore" in done.stderr


def test_what_is_not_installed_is_told() -> None:
    done = run(LOCK, "no-such-library-anywhere")
    assert done.returncode == 1
    assert "no-such-library-anywhere" in done.stderr


def test_the_servers_lock_is_whole() -> None:
    lock = (CLOSURE.parents[1] / "requirements.lock").read_text()
    done = run(lock, "boruta-farm[server,postgres,oidc]")
    assert done.returncode == 0, done.stderr
    assert "starlette==" in done.stdout
    assert "joserfc==" in done.stdout
    assert "pytest==" not in done.stdout


def test_the_base_install_needs_no_compiler() -> None:
    """A board is a small ARM machine: what is compiled must also do without."""
    done = run((CLOSURE.parents[1] / "requirements.lock").read_text(), "boruta-farm")
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^([\w.-]+)==", done.stdout, re.MULTILINE)
    assert "websockets" in names
    compiled = {
        name
        for name in names
        for file in distribution(name).files or ()
        if file.suffix in {".so", ".pyd"}
    }
    assert compiled <= {"websockets"}, "websockets falls back to Python, others would not"
