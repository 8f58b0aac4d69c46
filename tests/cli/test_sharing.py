"""Sharing a request, from the command line, against a whole server of their own."""

import json
from pathlib import Path

from tests.cli.served_people import Homes, ServedPeople
from tests.cli.stage import Boruta
from tests.core.test_sharing import key


def person(root: Boruta, homes: Homes, folder: Path, name: str, *options: str) -> Boruta:
    """Make an account with a key of its own, and sign it in."""
    once = root("user", "add", name, *options).out.strip()
    home = homes(name)
    home("login", stdin=f"{once}\n")
    file = folder / f"{name}.pub"
    file.write_text(f"{key(name)} {name}@desk\n")
    home("user", "key", "add", str(file))
    return home


def test_a_request_is_shared_and_shared_no_more(
    root: Boruta, homes: Homes, people: ServedPeople, tmp_path: Path
) -> None:
    people.board()
    ann = person(root, homes, tmp_path, "ann")
    bob = person(root, homes, tmp_path, "bob")
    number = ann("new").out.strip()
    assert bob("ls", "--shared", "-o", "ids").lines == []
    assert "only the owner shares it" in bob("share", number, "bob", status=1).err
    assert ann("share", number, "bob").out == f"request {number} is shared with bob\n"
    assert bob("ls", "--shared", "-o", "ids").lines == [number]
    assert "Shared with  bob" in bob("show", number).out
    assert json.loads(bob("show", number, "-o", "json").out)["SharedWith"] == ["bob"]
    assert "may not close requests of others" in bob("close", number, status=1).err
    assert "may not update, prolong" in bob("prolong", number, status=1).err
    assert "no account 'eve'" in ann("share", number, "eve", status=1).err
    assert ann("unshare", number, "bob").out == f"request {number} is shared with nobody\n"
    assert "no SSH key" in ann("share", number, "admin", status=1).err


def test_group_mates_join_and_leave_by_themselves(
    root: Boruta, homes: Homes, people: ServedPeople, tmp_path: Path
) -> None:
    root("group", "add", "kernel")
    ann = person(root, homes, tmp_path, "ann", "--group", "kernel")
    bob = person(root, homes, tmp_path, "bob", "--group", "kernel")
    number = ann("new").out.strip()
    bob("share", number, status=1)
    root("group", "set", "kernel", "--members-join")
    assert bob("share", number).out == f"request {number} is shared with bob\n"
    assert bob("unshare", number).out == f"request {number} is shared with nobody\n"
