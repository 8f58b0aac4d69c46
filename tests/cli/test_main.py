import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.stage import Boruta
from tests.client.serving import Served

HEAVY = {"httpx", "rich", "uvicorn", "starlette", "sqlalchemy", "cryptography", "asyncssh"}


def test_help_needs_nothing_heavy() -> None:
    """What is imported decides how soon the first line appears."""
    code = "import sys, boruta_farm.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(loaded.stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["worker", "-h"], ["ssh", "--help"]])
def test_help(boruta: Boruta, arguments: list[str]) -> None:
    assert boruta(*arguments).out.startswith("Usage: boruta")


def test_without_a_verb_there_is_help(boruta: Boruta) -> None:
    outcome = boruta(status=2)
    assert "Usage: boruta" in outcome.out + outcome.err


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
    assert served.farm.calls[-1][2]["authorization"] == "Bearer secret"
    words = boruta("--profile", "there", "ls", status=1).err
    assert words == f"boruta: {path}: there is no [profile.there]; known profiles: here\n"
    assert "is no address" in boruta("--server", "lab", "ls", status=1).err


def test_a_refused_caller_is_told_what_to_do(boruta: Boruta, served: Served) -> None:
    served.farm.refusals["list"] = [(401, {"message": "who are you?"})]
    assert "set BORUTA_TOKEN" in boruta("ls", status=1).err


def test_completion_is_offered(boruta: Boruta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BORUTA_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "boruta work")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert boruta().out.split() == ["workers", "worker"]
