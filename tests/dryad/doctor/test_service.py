"""The doctor looks as the service's user, and presents the service's credential."""

import os
from pathlib import Path

import pytest

from boruta_farm.dryad.doctor.service import check_service
from boruta_farm.dryad.findings import Verdict
from tests.dryad.doctor.configs import config

NOBODY = 65534
CREDENTIAL = "c" * 43


def test_an_agent_without_a_helper_is_looked_at_as_ourselves(tmp_path: Path) -> None:
    found = check_service(config(tmp_path), "nobody")
    assert [finding.verdict for finding in found.findings] == [Verdict.GOOD]
    assert (found.credential, found.usable) == (None, True)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "credential").write_text(f"\ufeff{CREDENTIAL}\r\n")
    assert check_service(config(tmp_path), "nobody").credential == CREDENTIAL
    (tmp_path / "state" / "credential").write_text("damaged")
    found = check_service(config(tmp_path), "nobody")
    assert (found.findings[0].verdict, found.usable) == (Verdict.WRONG, False)
    assert "c" * 43 not in repr(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_only_root_can_read_is_wrong(tmp_path: Path) -> None:
    for place in (tmp_path, *tmp_path.parents):
        if place.is_relative_to("/tmp/"):
            place.chmod(place.stat().st_mode | 0o011)
    loaded = config(tmp_path, helper="/run/boruta/helper/board.sock")
    found = check_service(loaded, "nobody")
    assert (found.findings[0].verdict, found.usable) == (Verdict.WRONG, False)
    assert "Permission denied" in found.findings[0].fact
    os.chown(loaded.path, 0, NOBODY)
    loaded.path.chmod(0o640)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "credential").write_text(CREDENTIAL)
    (state / "credential").chmod(0o600)
    os.chown(state, NOBODY, NOBODY)
    assert check_service(loaded, "nobody").usable is False
    os.chown(state / "credential", NOBODY, NOBODY)
    found = check_service(loaded, "nobody")
    assert (found.findings[0].verdict, found.credential) == (Verdict.GOOD, CREDENTIAL)
    assert "the service's user nobody can read all of it" in found.findings[0].fact
