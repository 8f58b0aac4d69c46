"""``run``, ``put`` and ``get`` on a lease, as OpenSSH's client does them; the page's examples."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm import borrow
from boruta_farm.client.openssh import Files, configuration, copy_line
from boruta_farm.client.remote import CopyError
from boruta_farm.model.errors import InvalidError
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import AccessInfo
from tests.client.board import reachable_board
from tests.client.serving import Served

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
EXAMPLES = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]
PRINTED = ["Linux\n\n", "0 good morning\ngood night\n", "Linux\n\n", "0\n"]

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing"
)


@pytest.fixture
def home(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the farm lend a board that can be reached, and return the home on it."""
    for name in ("here", "runtime", "configuration"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("BORUTA_SERVER", served.address)
    with reachable_board(tmp_path / "board") as (access, on_board):
        served.board(1, "lab", caps={"board": "rpi4"})
        served.lead_to(access)
        yield on_board
    assert list((tmp_path / "runtime").iterdir()) == [], "no key is left"
    assert set(served.requests().values()) == {RequestState.DONE}


@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED, strict=True)))
def test_the_examples_of_the_page_do_what_they_say(
    home: Path, example: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(example, str(PAGE), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == printed


def test_plain_code(home: Path) -> None:
    with borrow({"board": "rpi4"}) as lease:
        done = lease.run("cat; echo oops >&2; exit 3", input="gr\u00fc\u00df")
        assert (done.returncode, done.stdout, done.stderr) == (3, "gr\u00fc\u00df", "oops\n")
        assert lease.run(["echo", "a  b", "$HOME"]).stdout == "a  b $HOME\n"
        with pytest.raises(subprocess.CalledProcessError):
            lease.run("exit 4", check=True)
        with pytest.raises(CopyError, match="missing"):
            lease.get("missing")
        assert lease.over is None
        assert lease.access.username == "boruta-user"


async def test_folders_with_odd_names_and_a_command_that_takes_too_long(
    home: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "here" / "a: b"
    odd.mkdir()
    (odd / "file").write_text("content")
    async with borrow({"board": "rpi4"}) as lease:
        await lease.put("a: b", "on the board")
        assert (home / "on the board" / "file").read_text() == "content"
        await lease.get("on the board/file", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "content"
        with pytest.raises(TimeoutError):
            await lease.run("cat; exec sleep 60", timeout=0.5)
        with pytest.raises(InvalidError, match="put it into a file"):
            await lease.run("x" * 300_000)
        assert asyncio.get_running_loop().is_running()


async def test_a_file_is_fetched_up_to_its_bound_and_no_further(home: Path, tmp_path: Path) -> None:
    (home / "file").write_bytes(b"12345")
    fetched = tmp_path / "fetched"
    async with borrow({"board": "rpi4"}) as lease:
        await lease.fetch("file", fetched, 5)
        assert fetched.read_bytes() == b"12345"
        for source, most, words in (
            ("file", 4, "larger than 4"),
            ("/dev/zero", 100_000, "larger than 100000"),
            ("missing", 5, "missing"),
            (".", 5, "directory"),
        ):
            with pytest.raises(CopyError, match=words):
                await lease.fetch(source, fetched, most)
            assert not fetched.exists()


def test_importing_the_package_imports_nothing() -> None:
    code = (
        "import boruta_farm, sys; print([m for m in sys.modules if m.startswith('boruta_farm.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


ACCESS = AccessInfo(
    ip="fe80::1", zone="eth0", port=20001, key="KEY", username="u", host_key="ssh-ed25519 AAAA"
)


def test_scp_is_told_of_an_address_with_colons(tmp_path: Path) -> None:
    line = copy_line("scp", ACCESS, Files(identity=None, known_hosts=None), tmp_path, "there")
    assert line[-2:] == [str(tmp_path), "u@[fe80::1%eth0]:there"]
    assert line[line.index("-P") + 1] == "20001"


def test_the_saved_configuration_is_understood(tmp_path: Path) -> None:
    folder = tmp_path / "100% mine"
    files = Files(identity=folder / "key", known_hosts=folder / "known_hosts")
    (tmp_path / "config").write_text(configuration("boruta-21", ACCESS, files))
    done = subprocess.run(
        ["ssh", "-G", "-F", str(tmp_path / "config"), "boruta-21"],
        capture_output=True,
        text=True,
        check=True,
    )
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert told["hostname"] == "fe80::1%eth0"
    assert (told["port"], told["user"]) == ("20001", "u")
    assert told["identityfile"].replace("%%", "%") == str(folder / "key")
    assert told["userknownhostsfile"] == str(folder / "known_hosts")
    assert told["identitiesonly"] == "yes"
