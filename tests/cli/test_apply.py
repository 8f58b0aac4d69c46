"""A lab's configuration in a file: shown, applied, written, the same afterwards."""

from pathlib import Path

import pytest

from tests.cli.served_people import Homes, ServedPeople
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


@pytest.mark.parametrize("role", ["user", "group-admin", "auditor"])
def test_who_does_not_see_all_users_is_told_that_they_are_left_out(
    role: str, root: Boruta, homes: Homes, file: Path
) -> None:
    root("apply", str(file))
    assert "left out" not in root("export").err
    secret = root("user", "add", "carl", "--group", "lab", "--role", role).out.strip()
    carl = homes("carl")
    carl("login", stdin=f"{secret}\n")
    written = carl("export")
    assert ("[user.admin]" in written.out) is (role == "auditor")
    told = f"only users that carl may see are written, as {role}; all others are left out"
    assert (told in written.err) is (role != "auditor")


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


REFUSED = """
[user.ann]
networks = ["10.0.0.0/33"]

[user.bob]
groups = ["lab", "nowhere"]

[user.BOB]

[user.eve]
limits = { job_time = "1s" }
"""


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_what_would_be_refused_is_told_before_anything_is_changed(
    options: list[str], root: Boruta, file: Path
) -> None:
    before = root("export").out
    taken = FARM.replace("lab-rpi4", "x" * 65)
    file.write_text(taken.replace("[user.ann]\n", "[user.zoe]\n") + REFUSED)
    refused = root("apply", str(file), *options, status=1)
    for words in (
        "user ann: ",
        "user bob: there is no group 'nowhere'",
        "user eve: the limit 'job_time' must be at least a minute",
        f"worker {WORKER}: a worker's name is one line",
        "nothing was changed; put the file right",
    ):
        assert words in refused.err
    assert "user zoe:" not in refused.err, "it is in a group that an earlier step makes"
    assert root("export").out == before


def test_admins_are_not_declared_away_in_a_dry_run_either(root: Boruta, file: Path) -> None:
    file.write_text(FARM.replace('role = "admin"', 'role = "user"'))
    assert "user admin: " in root("apply", str(file), "--dry-run", status=1).err


def test_a_mistake_changes_nothing_at_all(root: Boruta, file: Path) -> None:
    before = root("export").out
    file.write_text(FARM.replace("full_name", "fullname"))
    refused = root("apply", str(file), status=1)
    assert "user.ann.fullname: there is no such setting; did you mean full_name?" in refused.err
    assert root("export").out == before
