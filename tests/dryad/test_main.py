import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from boruta_farm import __version__
from boruta_farm.dryad.main import run


def test_the_first_start_writes_a_file_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dryad.conf"
    assert run(["-conf", str(path)]) == 1
    assert "configuration file generated. Please edit it first" in capsys.readouterr().err
    assert path.exists()


@pytest.mark.parametrize("flag", ["-version", "--version"])
def test_the_version_is_told(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run([flag])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"dryad version {__version__}\n"


def test_help_shows_every_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["--help"])
    shown = capsys.readouterr().out
    for use in ("join URL", "doctor", "config check", "helper", "stm"):
        assert f"\n  dryad {use} " in shown


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--frobnicate"])
    assert ended.value.code == 2
    assert "--frobnicate" in capsys.readouterr().err


def test_a_wrong_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dryad.conf"
    path.write_text('sever = "x"\n')
    assert run(["--conf", str(path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"dryad: {path}: ")
    assert "did you mean server?" in told


def test_a_driver_that_is_not_installed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dryad.conf"
    path.write_text(
        f'server = "http://127.0.0.1:9"\ndriver = "toaster"\nstate_dir = "{tmp_path}/state"\n'
        f'[caps]\nUUID = "{uuid.uuid4()}"\n'
    )
    assert run(["--conf", str(path)]) == 1
    told = capsys.readouterr().err
    assert "driver: no installed package brings the driver 'toaster'" in told
    assert "only linux, muxpi, sandbox" in told


def test_the_idle_command_loads_little(tmp_path: Path) -> None:
    """What a small board pays before its configuration is known to be right."""
    code = (
        "import sys, boruta_farm.dryad.main\n"
        "heavy = {'websockets', 'asyncssh', 'httpx', 'typer', 'rich', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "dryad.conf"
    path.write_text(
        f'server = "http://127.0.0.1:9"\ndriver = "sandbox"\nstate_dir = "{tmp_path}/state"\n'
        f'[caps]\nUUID = "{uuid.uuid4()}"\n'
    )
    agent = subprocess.Popen(
        [sys.executable, "-m", "boruta_farm.dryad", "--conf", str(path)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert agent.stderr is not None
    try:
        for line in agent.stderr:
            if "dialling again" in line:
                break
        agent.send_signal(number)
        assert agent.wait(20) == 0
        assert "stopped" in agent.stderr.read()
    finally:
        agent.kill()
        agent.wait()
        agent.stderr.close()
    assert (tmp_path / "state" / "state.json").exists()
