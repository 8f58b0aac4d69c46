"""Signing in where the machine is not as expected: real processes, one line, no token shown."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.served_people import Homes, ServedPeople
from tests.cli.stage import MAIN

NOBODY = 54321
"""A uid that has no account."""

KEYRING = """
from keyring.backend import KeyringBackend
from keyring.errors import InitError

class Locked(KeyringBackend):
    priority = 5
    def get_password(self, service, username):
        raise InitError("Failed to unlock the collection!")
    set_password = delete_password = lambda self, *_: self.get_password("", "")
"""


class Run:
    """One run of the command as a process; only what is given is in its environment."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        stdin: bytes = b"",
        before: tuple[str, ...] = (),
    ) -> None:
        done = subprocess.run(
            [*before, sys.executable, "-c", MAIN, *arguments],
            input=stdin,
            env=dict(environment),
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.status = done.returncode
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in self.err, self.err

    def refused(self, words: str, *, secret: str = "boruta_o_") -> None:
        assert self.status in (1, 2), self.err
        assert words in self.err
        assert len(self.err.splitlines()) <= (1 if self.status == 1 else 4), self.err
        assert secret not in self.err + self.out


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(people: ServedPeople, home: Path) -> dict[str, str]:
    return {"BORUTA_SERVER": people.address, "HOME": str(home)}


def test_a_profile_is_all_that_later_commands_need(people: ServedPeople, home: Path) -> None:
    environment = {"HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    first = people.first.encode()
    signed = Run(
        "login",
        f"{people.address}/",
        environment=environment,
        stdin=b"\xef\xbb\xbf" + first + b"\r\n",
    )
    assert signed.status == 0, signed.err
    assert people.address in (home / ".config/boruta/config.toml").read_text()
    shown = Run("whoami", "-o", "json", environment=environment)
    assert json.loads(shown.out)["Name"] == "admin"
    invited = Run("user", "add", "ann", environment=environment)
    assert f"boruta login {people.address}\n" in invited.err
    assert invited.out.startswith("boruta_o_")
    stranger = {"HOME": str(home.parent), "BORUTA_SERVER": people.address}
    Run("whoami", environment=stranger).refused(f"boruta login {people.address}")


@pytest.mark.prove
def test_another_profile_is_made_by_its_name(people: ServedPeople, home: Path) -> None:
    environment = {
        "HOME": str(home),
        "BORUTA_PROFILE": "lab",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    signed = Run("login", people.address, environment=environment, stdin=people.first.encode())
    assert signed.status == 0, signed.err
    assert f"[profile.lab] in {home}/.config/boruta/config.toml" in signed.err
    assert "warning" not in signed.err
    assert "admin" in Run("whoami", environment=environment).out
    del environment["BORUTA_PROFILE"]
    assert "admin" in Run("--profile", "lab", "whoami", environment=environment).out
    elsewhere = {**environment, "BORUTA_SERVER": "http://other:1", "BORUTA_TOKEN": "boruta_p_1_x"}
    invited = Run("--profile", "lab", "user", "add", "ann", environment=environment)
    again = Run("login", people.address, environment=elsewhere, stdin=invited.out.encode())
    assert again.status == 0, again.err
    assert "BORUTA_SERVER is set and goes before" in again.err
    assert "BORUTA_TOKEN is set and goes before" in again.err


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("{token}\n{token}", "blanks or line ends inside"),
        ("{token}\u00e4", "U+00E4"),
        ('"{token}"', "in quotes"),
        ("{token}{token}{token}{token}{token}", "characters, which is no token"),
    ],
)
def test_a_token_that_cannot_be_sent_is_never_shown(
    environment: dict[str, str], people: ServedPeople, home: Path, token: str, words: str
) -> None:
    bad = token.format(token=people.first)
    Run("ls", environment={**environment, "BORUTA_TOKEN": bad}).refused(words)
    file = home / ".config" / "boruta" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f"server = {json.dumps(people.address)}\ntoken = {json.dumps(bad)}\n")
    file.chmod(0o600)
    Run("ls", environment={"HOME": str(home)}).refused(words)
    if "\n" not in bad:
        Run("login", environment=environment, stdin=bad.encode()).refused(words)


def test_a_token_as_an_argument_is_refused_unseen(
    environment: dict[str, str], people: ServedPeople
) -> None:
    secret = people.first.split("_", 3)[3]
    Run("login", people.first, environment=environment).refused("must not be an", secret=secret)
    Run("whoami", people.first, environment=environment).refused("boruta_o_", secret=secret)
    Run("--ca-fil", people.first, "ls", environment=environment).refused("", secret=secret)
    Run(people.first, environment=environment).refused("No such command", secret=secret)
    named = {**environment, "BORUTA_SERVER": f"http://ann:{people.first}@farm"}
    Run("ls", environment=named).refused("BORUTA_TOKEN", secret=secret)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "ALL_PROXY: names a SOCKS proxy"),
        ({"https_proxy": "nonsense://x"}, "https_proxy: is no proxy's address"),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "::1,fe80::/10,[::1]:5"},
            "cannot reach",
        ),
        ({"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "192.0.2.0/24"}, ""),
    ],
)
def test_proxies_that_cannot_be_used_are_one_line(
    environment: dict[str, str], variables: dict[str, str], words: str
) -> None:
    address = {"BORUTA_SERVER": "https://192.0.2.1:1" if words else "http://127.0.0.1:1"}
    Run("ls", environment={**environment, **variables, **address}).refused(words)


@pytest.mark.prove
def test_a_locked_keyring_does_not_eat_the_one_time_token(
    environment: dict[str, str], people: ServedPeople, home: Path
) -> None:
    (home / "fake_keyring.py").write_text(KEYRING)
    locked = {
        **environment,
        "PYTHONPATH": str(home),
        "PYTHON_KEYRING_BACKEND": "fake_keyring.Locked",
    }
    signed = Run("login", environment=locked, stdin=people.first.encode())
    assert signed.status == 0, signed.err
    file = home / ".config" / "boruta" / "tokens.json"
    assert f"kept in {file}, since the system's keyring cannot be used (Failed" in signed.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "admin" in Run("whoami", environment=locked).out
    unknown = {**locked, "PYTHON_KEYRING_BACKEND": "no.such.Backend"}
    assert "admin" in Run("whoami", environment=unknown).out
    file.write_text(json.dumps({people.address: "keyring"}))
    Run("whoami", environment=locked).refused("unlock it, set BORUTA_TOKEN")
    Run("whoami", environment=unknown).refused("cannot be used (No module named 'no')")


def test_where_nothing_can_be_kept_the_one_time_token_stays_good(
    environment: dict[str, str], people: ServedPeople, homes: Homes, home: Path
) -> None:
    once = people.first.encode()
    nowhere = {**environment, "HOME": "/proc/none"}
    Run("login", environment=nowhere, stdin=once).refused("cannot be written")
    (home / "fake_keyring.py").write_text(KEYRING)
    homes("root")("login", stdin=f"{people.first}\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.prove
def test_a_uid_without_an_account_and_without_a_home(
    people: ServedPeople, homes: Homes, root: object
) -> None:
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    environment = {"BORUTA_SERVER": people.address, "LANG": "C"}
    Run("ls", environment=environment, before=nobody).refused("boruta login")
    login = Run("login", environment=environment, stdin=b"boruta_o_1_x", before=nobody)
    login.refused("HOME or XDG_CONFIG_HOME")
    missing = Run("--ca-file", "~/ca.pem", "ls", environment=environment, before=nobody)
    missing.refused("there is no such home folder")
    Run("config", "show", environment=environment, before=nobody).refused("data: ")
    given = {**environment, "BORUTA_TOKEN": "boruta_p_1_x"}
    Run("ls", environment=given, before=nobody).refused("not known here", secret="boruta_p_")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_home_that_can_only_be_read(
    environment: dict[str, str], people: ServedPeople, home: Path
) -> None:
    read_only = (
        *("unshare", "--mount", "sh", "-c"),
        f'mount --bind "{home}" "{home}" && mount -o remount,ro,bind "{home}" && exec "$@"',
        "sh",
    )
    login = Run("login", environment=environment, stdin=people.first.encode(), before=read_only)
    login.refused("Read-only file system")
    Run("login", environment=environment, stdin=people.first.encode())
    assert Run("whoami", environment=environment, before=read_only).status == 0


def test_without_standard_input_it_is_told(environment: dict[str, str]) -> None:
    closed = ("sh", "-c", 'exec "$@" <&-', "sh")
    Run("login", environment=environment, before=closed).refused("it is empty")
