import grp
import pwd
from pathlib import Path

import pytest

from boruta_farm.dryad.doctor.accounts import check_accounts
from boruta_farm.dryad.findings import Finding, Verdict
from tests.dryad.doctor.configs import config


def examined(tmp_path: Path, user: str, driver: str = "linux") -> list[Finding]:
    return list(check_accounts(config(tmp_path, tables=f"[user]\n{user}", driver=driver)))


def facts(findings: list[Finding], verdict: Verdict) -> list[str]:
    return [finding.fact for finding in findings if finding.verdict is verdict]


def test_defaults_are_fine(tmp_path: Path) -> None:
    findings = examined(tmp_path, f'skeleton = "{tmp_path}"\nhome = "{tmp_path}"')
    assert not facts(findings, Verdict.WRONG)
    assert not facts(findings, Verdict.ADVICE)


def test_a_missing_group_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    findings = examined(tmp_path, 'groups = ["no-such-group"]')
    [finding] = [f for f in findings if f.verdict is Verdict.WRONG]
    assert "no-such-group" in finding.fact
    assert "groupadd --system no-such-group" in finding.remedy


def test_groups_that_give_root_are_told(tmp_path: Path) -> None:
    root = grp.getgrgid(0).gr_name
    [fact] = facts(examined(tmp_path, f'groups = ["{root}"]'), Verdict.ADVICE)
    assert "not isolated" in fact


def test_another_name_is_what_weles_does_not_expect(tmp_path: Path) -> None:
    [fact] = facts(examined(tmp_path, 'name = "lab-user"'), Verdict.ADVICE)
    assert "Weles" in fact


def test_a_persons_account_is_not_taken(tmp_path: Path) -> None:
    person = next(e.pw_name for e in pwd.getpwall() if e.pw_uid not in range(70000, 71000))
    findings = examined(tmp_path, f'name = "{person}"')
    assert any(person in fact for fact in facts(findings, Verdict.WRONG))


@pytest.mark.parametrize("key", ["shell", "skeleton", "home"])
def test_what_is_missing_is_told_by_its_key(key: str, tmp_path: Path) -> None:
    [fact] = facts(examined(tmp_path, f'{key} = "{tmp_path}/absent"'), Verdict.WRONG)
    assert fact.startswith(f"user.{key}:")
