import subprocess
import sys
from pathlib import Path

import pytest

from boruta_farm import __version__
from tests.cli.stage import Boruta
from tests.client.serving import Served

HEAVY = {"httpx", "rich", "uvicorn", "starlette", "cryptography", "asyncssh"}


def test_help_needs_nothing_heavy() -> None:
    """What is imported decides how soon the first line appears."""
    code = "import sys, boruta_farm.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(loaded.stdout.split())


@pytest.mark.parametrize("verb", ["version", "ls"])
def test_short_answers_need_the_http_library_alone(served: Served, verb: str) -> None:
    code = (
        "import atexit, sys; from boruta_farm.cli.main import main; "
        "atexit.register(lambda: print(*sys.modules)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--server", served.address, verb],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "httpx" in loaded
    assert (HEAVY - {"httpx"} | {"pygments", "markdown_it"}).isdisjoint(loaded)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["worker", "-h"], ["ssh", "--help"]])
def test_help(boruta: Boruta, arguments: list[str]) -> None:
    assert boruta(*arguments).out.startswith("Usage: boruta")


def test_wrong_usage_is_status_2(boruta: Boruta) -> None:
    assert "No such command" in boruta("lend", status=2).err
    assert "No such option" in boruta("ls", "--nope", status=2).err


def test_server_by_option_and_by_profile(boruta: Boruta, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "configuration" / "boruta"
    folder.mkdir(parents=True)
    path = folder / "config.toml"
    path.write_text(f'[profile.here]\nserver = "{served.address}"\ntoken = "secret"\n')
    path.chmod(0o600)
    boruta("--profile", "here", "ls")
    assert served.heard[-1].headers["authorization"] == "Bearer secret"
    words = boruta("--profile", "there", "ls", status=1).err
    assert words == f"boruta: {path}: there is no [profile.there]; known profiles: here\n"
    assert "is no address" in boruta("--server", "lab", "ls", status=1).err


def test_a_refused_caller_is_told_what_to_do(boruta: Boruta, served: Served) -> None:
    served.answers["list"] = [(401, {"message": "who are you?"})]
    assert "set BORUTA_TOKEN" in boruta("ls", status=1).err


def test_completion_is_offered(boruta: Boruta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BORUTA_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "boruta work")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert boruta().out.split() == ["workers", "worker"]


@pytest.mark.parametrize("flag", ["-version", "--version"])
def test_the_programs_own_version_needs_no_server(boruta: Boruta, flag: str) -> None:
    assert boruta(flag).out == f"boruta version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-api-addr", "127.0.0.1:0", "-rpc-addr", "nowhere"],
        ["-api-addr=127.0.0.1:0", "-rpc-addr=nowhere"],
        ["serve", "--api-addr", "127.0.0.1:0", "--rpc-addr", "nowhere"],
    ],
)
def test_the_originals_flags_start_the_server(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "boruta_farm.cli", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 1
    assert "command line: rpc_addr: 'nowhere' is no address" in ended.stderr


def test_networks_of_original_boards_are_read(tmp_path: Path) -> None:
    options = ["--rpc-allow", "10.0.0.0/8", "--rpc-allow", "192.168.0.0/33"]
    command = [sys.executable, "-m", "boruta_farm.cli", "serve", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 1
    assert "rpc_allow" in ended.stderr
    assert "192.168.0.0/33" in ended.stderr
