"""Verbs on boards' agents, against a whole server."""

import json

import pytest

from tests.cli.served_people import Homes, ServedPeople
from tests.cli.stage import Boruta
from tests.web.peopled import WORKER, random_part


def test_an_invitation_is_made_listed_and_revoked(root: Boruta) -> None:
    secret = root("agent", "invite", "--uses", "200", "--for", "1h").lines[0]
    assert secret.startswith("boruta_j_")
    bound = root("agent", "invite", "--uuid", WORKER)
    assert f"the board {WORKER}" in bound.err
    listed = json.loads(root("agent", "invitations", "-o", "json").out)
    left = {(token["Uses"], token.get("WorkerUUID")) for token in listed}
    assert left == {(200, None), (1, WORKER)}
    assert random_part(secret) not in root("agent", "invitations", "-o", "json").out
    root("token", "revoke", listed[0]["ID"])
    assert root("agent", "invitations", "-o", "ids").lines == [listed[1]["ID"]]


def test_only_admins_invite(root: Boruta, homes: Homes) -> None:
    invited = root("user", "add", "ann")
    ann = homes("ann")
    ann("login", stdin=f"{invited.lines[-1].split()[-1]}\n")
    refused = ann("agent", "invite", status=1)
    assert "invite and revoke boards' agents" in refused.err


@pytest.mark.parametrize("arguments", [("--uses", "0"), ("--for", "soon")])
def test_nonsense_is_refused(root: Boruta, arguments: tuple[str, str]) -> None:
    root("agent", "invite", *arguments, status=2)


def test_agents_are_listed_and_revoked(root: Boruta, people: ServedPeople) -> None:
    people.board()
    assert root("agent", "list", "-o", "ids").lines == [WORKER]
    assert "revoked" not in root("agent", "list").out
    root("agent", "revoke", WORKER)
    assert "revoked" in root("agent", "list").out
    root("worker", "rename", WORKER, "lab-rpi4")
    assert "lab-rpi4" in root("agent", "list").out
