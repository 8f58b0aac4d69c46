"""A lab's configuration in a file: shown, applied, written, the same afterwards."""

from pathlib import Path

import pytest

from tests.cli.served_people import ServedPeople
from tests.cli.stage import Boruta
from tests.web.peopled import WORKER

FARM = f"""
[group.lab]
limits = {{ jobs = 4, job_time = "8h" }}

[user.admin]
role = "admin"

[user.ann]
groups = ["lab"]
full_name = "Ann"

[worker.{WORKER}]
name = "lab-rpi4"
groups = ["lab"]
"""


@pytest.fixture
def file(tmp_path: Path, people: ServedPeople) -> Path:
    people.board()
    path = tmp_path / "farm.toml"
    path.write_text(FARM)
    return path


def test_a_dry_run_shows_and_changes_nothing(root: Boruta, file: Path) -> None:
    before = root("export").out
    shown = root("apply", str(file), "--dry-run").lines
    assert "+ group lab" in shown
    assert "+ user ann" in shown
    assert f"~ worker {WORKER}" in shown
    assert "    limits.jobs: 4" in shown
    assert root("export").out == before


def test_what_was_applied_is_exported_and_needs_nothing_more(
    root: Boruta, file: Path, tmp_path: Path
) -> None:
    root("apply", str(file))
    again = root("apply", str(file))
    assert (again.out, "as declared" in again.err) == ("", True)
    written = tmp_path / "written.toml"
    written.write_text(root("export").out)
    assert root("apply", str(written), "--prune", "--yes").out == ""
    assert root("worker", "show", "lab-rpi4", "-o", "ids").lines == [WORKER]
    assert 'job_time = "8h"' in written.read_text()


def test_what_is_not_declared_stays_unless_pruned(root: Boruta, file: Path) -> None:
    root("user", "add", "bob", "--no-invite")
    assert "user bob is not in the file and stays" in root("apply", str(file)).err
    asked = root("apply", str(file), "--prune", stdin="n\n", status=1)
    assert "- user bob" in asked.lines
    assert "bob" in root("user", "list", "-o", "ids").lines
    root("apply", str(file), "--prune", "--yes")
    assert "bob" not in root("user", "list", "-o", "ids").lines


def test_the_last_admin_cannot_be_declared_away(root: Boruta, file: Path) -> None:
    file.write_text(FARM.replace('role = "admin"', 'role = "user"'))
    refused = root("apply", str(file), status=1)
    assert "admin" in refused.err
    assert root("whoami").out


def test_a_mistake_changes_nothing_at_all(root: Boruta, file: Path) -> None:
    before = root("export").out
    file.write_text(FARM.replace("full_name", "fullname"))
    refused = root("apply", str(file), status=1)
    assert "user.ann.fullname: there is no such setting; did you mean full_name?" in refused.err
    assert root("export").out == before
