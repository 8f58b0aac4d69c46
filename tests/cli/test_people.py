"""Verbs about people against a whole server of their own."""

import json
import stat
from pathlib import Path

from typer.testing import CliRunner

from boruta_farm.cli.main import app
from boruta_farm.server.folder import DataFolder
from tests.cli.served_people import Homes, ServedPeople
from tests.cli.stage import Boruta

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8d0VqV0aN0f5o0rmJpGp1rYxk3v7K4m2Qn1bq5Xy1F ann@desk"
TABLES = {
    "user list": "groups,name",
    "group list": "members,name",
    "token list": "scope,id",
    "agent list": "link,name",
    "agent invitations": "until,id",
    "workers": "state,name",
    "ls": "owner,id",
}


def test_signing_in_and_out(
    homes: Homes, root: Boruta, people: ServedPeople, tmp_path: Path
) -> None:
    file = tmp_path / "root" / "boruta" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert people.first not in file.read_text()
    assert "admin" in root("whoami").out
    stranger = homes("stranger")
    assert "boruta login" in stranger("ls", status=1).err
    assert "used already" in stranger("login", stdin=f"{people.first}\n", status=1).err
    assert "no token" in stranger("login", stdin="password\n", status=1).err
    root("logout")
    assert "boruta login" in root("whoami", status=1).err
    assert json.loads(file.read_text()) == {}


def test_a_file_of_tokens_that_others_can_read_is_refused(root: Boruta, tmp_path: Path) -> None:
    (tmp_path / "root" / "boruta" / "tokens.json").chmod(0o644)
    assert "chmod 600" in root("whoami", status=1).err


def test_accounts_groups_and_limits(root: Boruta, homes: Homes) -> None:
    root("group", "add", "kernel", "--jobs", "4", "--priorities", "4-16")
    once = root("user", "add", "ann", "--group", "kernel", "--waiting", "2").out.strip()
    assert "already" in root("user", "add", "ann", status=1).err
    ann = homes("ann")
    ann("login", stdin=f"{once}\n")
    shown = json.loads(ann("whoami", "-o", "json").out)
    assert shown["Limits"] == {"HighestPriority": 4, "LowestPriority": 16, "Jobs": 4, "Waiting": 2}
    root("user", "set", "ann", "--waiting", "none", "--job-time", "30m")
    record = json.loads(root("user", "show", "ann", "-o", "json").out)
    assert record["Limits"] == {"JobTime": 1800.0}
    assert "4 to 16" in ann("new", "-c", "board=x", "-p", "1", status=1).err
    ann("new", "-c", "board=x")
    assert root("ls", "--columns", "owner,ID").lines == ["OWNER  ID", "ann    1"]
    root("close", "1")
    assert "the role admin" in ann("user", "add", "bob", status=1).err
    assert "1 members" in root("group", "remove", "kernel", status=1).err
    root("user", "set", "ann", "--no-groups")
    root("group", "remove", "kernel")
    root("user", "set", "ann", "--disable")
    assert "ann cannot be used" in ann("ls", status=1).err
    root("user", "remove", "ann")
    assert root("user", "list", "-o", "ids").lines == ["admin"]


def test_tokens(root: Boruta, homes: Homes) -> None:
    made = root("token", "new", "--name", "nightly", "--scope", "read", "--for", "2h")
    secret = made.out.strip()
    found = json.loads(root("token", "list", "-o", "json").out)
    (listed,) = (record for record in found if record["Name"] == "nightly")
    assert (listed["Scope"], listed["Kind"]) == ("read", "personal")
    assert secret not in root("token", "list", "-o", "json").out
    reader = homes("reader")
    reader("login", stdin=f"{secret}\n")
    assert "scope is read" in reader("new", "-c", "board=x", status=1).err
    root("token", "revoke", listed["ID"])
    assert "revoked" in reader("ls", status=1).err


def test_ssh_keys(root: Boruta, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_text(f"{KEY}\n")
    root("user", "key", "add", str(file))
    root("user", "set", "admin", "--keys-on-board")
    assert KEY in root("user", "show", "admin").out
    private = tmp_path / "key"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert "private key" in root("user", "key", "add", str(private), status=1).err
    root("user", "key", "remove", "ann@desk")
    assert KEY not in root("user", "show", "admin").out


def test_every_table_has_the_columns_that_are_asked_for(root: Boruta) -> None:
    for verb, columns in TABLES.items():
        lines = root(*verb.split(), "--columns", columns).lines
        assert lines[0].split() == columns.upper().split(",")
        words = root(*verb.split(), "--columns", f"{columns},colour", status=2).err
        assert "there is no column 'colour'" in words
    for verb in ("events", "audit"):
        words = root(verb, "--columns", "colour", status=2).err
        assert "choose from number, at," in words


def test_the_audit(root: Boruta, people: ServedPeople) -> None:
    root("user", "add", "ann", "--no-invite")
    lines = root("audit", "--action", "account.changed", "--actor", "admin").lines
    assert len(lines) == 1
    assert "account ann" in lines[0]
    chosen = root("audit", "--actor", "admin", "--columns", "subject,action").lines
    assert "account ann  account.changed" in chosen
    people.seal()
    exported = [json.loads(line) for line in root("audit", "--export").lines]
    assert [entry["Number"] for entry in exported] == list(range(1, len(exported) + 1))
    assert all(entry["Seal"] for entry in exported)
    verified = root("audit", "--verify").lines
    assert verified[-1] == f"{len(exported)}:{exported[-1]['Seal']}"
    people.tamper("UPDATE audit SET actor = 'nobody' WHERE number = 2")
    broken = root("audit", "--verify", status=1)
    assert "broken at entry 2" in broken.out


def test_a_farm_whose_admins_lost_their_tokens_is_rescued(tmp_path: Path) -> None:
    boruta = Boruta(app, CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path / "home")}))
    folder = tmp_path / "data"
    rescued = boruta("user", "rescue", "root", "--data", str(folder))
    assert rescued.out.startswith("boruta_o_")
    running = DataFolder(folder)
    running.open()
    refused = boruta("user", "rescue", "root", "--data", str(folder), status=1)
    running.close()
    assert "another server uses" in refused.err


def test_a_webhook_is_ones_own(root: Boruta, homes: Homes) -> None:
    token = root("user", "add", "ann").out.strip()
    ann = homes("ann")
    ann("login", stdin=f"{token}\n")
    assert ann("user", "notify").err == "you are told by no webhook\n"
    told = ann("user", "notify", "https://hooks.example/T0")
    assert "your requests are told to https://hooks.example/T0" in told.err
    assert told.out.startswith("whsec_")
    assert ann("user", "notify").out == told.out
    assert "must hold neither user nor" in ann("user", "notify", "https://a:b@c/", status=1).err
    assert "not both" in ann("user", "notify", "https://c/", "--off", status=2).err
    seen = json.loads(root("user", "show", "ann", "-o", "json").out)
    assert seen["Notify"] == "https://hooks.example/T0"
    token = root("user", "add", "bob", "--role", "auditor").out.strip()
    bob = homes("bob")
    bob("login", stdin=f"{token}\n")
    assert not json.loads(bob("user", "show", "ann", "-o", "json").out).get("Notify")
    assert "hooks.example" not in root("audit").out
    ann("user", "notify", "--off")
    assert ann("user", "notify").err == "you are told by no webhook\n"
