import gc
import subprocess
import sys
from pathlib import Path

import pytest

from boruta_farm import __version__
from boruta_farm.cli import main
from boruta_farm.cli.main import VERBS
from boruta_farm.cli.verbs import Verb
from tests.cli.stage import Boruta
from tests.client.serving import Served

COMMAND = {
    *("boruta_farm", "cli", "cli.called", "cli.completion", "cli.main", "cli.options", "cli.verbs"),
    *("model", "model.output"),
}
"""What ``boruta`` is before it knows its verb."""

CALL = {
    *("cli.console", "cli.signals", "clock", "words", "words.durations", "words.times"),
    *(f"client{part}" for part in ("", ".channel", ".config", ".credentials", ".farm", ".proxy")),
    *("client.transport", "client.wire"),
    *(f"model.{part}" for part in ("addresses", "caller", "declared", "errors", "home")),
    *("model.permission", "model.standing", "model.token"),
    *(f"records{part}" for part in ("", ".reading", ".times", ".writing")),
    *(f"settings{part}" for part in ("", ".declaration", ".durations", ".files", ".kinds")),
    *("settings.places", "settings.table"),
}
"""What finds the farm and asks it something."""

REQUESTS = {
    *("cli.requests", "cli.tables", "client.failures", "client.lists", "client.requests"),
    *(
        "model.job",
        "model.listing",
        "model.readiness",
        "model.request",
        "model.worker",
        "words.counts",
        "words.request",
    ),
}

LIBRARIES = {
    *("typer", "annotated_doc", "shellingham", "typing_extensions"),
    *("httpx", "httpcore", "anyio", "sniffio", "h11", "idna", "certifi"),
}


@pytest.mark.parametrize(
    ("verb", "ours", "libraries"),
    [
        ("--version", COMMAND, LIBRARIES - {"httpx", "httpcore", "anyio", "h11"}),
        ("version", COMMAND | CALL | {"cli.version", "model.version"}, LIBRARIES),
        ("ls", COMMAND | CALL | REQUESTS, LIBRARIES),
    ],
)
def test_short_answers_import_what_they_need_and_no_more(
    served: Served, verb: str, ours: set[str], libraries: set[str], tmp_path: Path
) -> None:
    """What is imported decides how soon the first line appears (issue 14): it is named here."""
    seen = tmp_path / "modules"
    code = (
        "import sys; known = set(sys.modules); import atexit, pathlib; "
        "from boruta_farm.cli.main import main; "
        "new = lambda: ' '.join(n for n, m in sys.modules.items() if m and n not in known); "
        f"atexit.register(lambda: pathlib.Path({str(seen)!r}).write_text(new())); main()"
    )
    subprocess.run([sys.executable, "-c", code, "--server", served.address, verb], check=True)
    loaded = seen.read_text().split()
    of_ours = {n.removeprefix("boruta_farm.") for n in loaded if n.startswith("boruta_farm")}
    assert of_ours - ours == set()
    others = {n.partition(".")[0] for n in loaded} - {"boruta_farm"} - set(sys.stdlib_module_names)
    assert others - libraries == set()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["worker", "-h"], ["ssh", "--help"]])
def test_help(boruta: Boruta, arguments: list[str]) -> None:
    assert boruta(*arguments).out.startswith("Usage: boruta")


def test_wrong_usage_is_status_2(boruta: Boruta) -> None:
    assert "No such command" in boruta("lend", status=2).err
    assert "No such command 'boards'. Did you mean 'workers'?" in boruta("boards", status=2).err
    assert "Did you mean 'prolong'?" in boruta("prolnog", status=2).err
    assert "No such option" in boruta("ls", "--nope", status=2).err


def test_words_of_other_systems_are_none_of_ours_and_mean_one_verb_each() -> None:
    words = [word for verb in VERBS.values() if isinstance(verb, Verb) for word in verb.elsewhere]
    assert len(words) > 20
    assert len(set(words)) == len(words)
    assert not set(words) & set(VERBS)


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


def test_an_interrupt_while_a_verb_is_imported_ends_in_silence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_given: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "app", interrupted)
    monkeypatch.setattr(sys, "argv", ["boruta", "ssh"])
    monkeypatch.setitem(sys.modules, "httpx._main", sys.modules.get("httpx._main"))
    usual = gc.get_threshold()
    try:
        with pytest.raises(SystemExit) as ended:
            main.main()
    finally:
        gc.set_threshold(*usual)
    assert ended.value.code == 130
    assert capfd.readouterr().err == ""


def test_version_speaks_before_it_imports_what_asks_the_farm(served: Served) -> None:
    """Its first line needs no more than ``--version`` does (issue 14: 150 ms)."""
    code = (
        "import sys\n"
        "class Out:\n"
        "    told = ''\n"
        "    def write(self, text):\n"
        "        if not self.told:\n"
        "            here = [n for n in sys.modules if n.startswith('boruta_farm.')]\n"
        "            here += {'asyncio', 'httpx'} & {*sys.modules}\n"
        "            sys.stderr.write(' '.join(here))\n"
        "        self.told += text\n"
        "    def flush(self): pass\n"
        "    def isatty(self): return False\n"
        "sys.stdout = Out()\n"
        "from boruta_farm.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--server", served.address, "version"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.removeprefix("boruta_farm.") for name in done.stderr.split()}
    assert loaded - COMMAND == {"cli.version"}
