from pathlib import Path

import pytest

from boruta_farm.dryad.doctor import system
from boruta_farm.dryad.doctor.system import check_keys, check_system
from boruta_farm.dryad.findings import Finding, Verdict
from tests.dryad.doctor.configs import config


def wrongs(findings: "list[Finding]") -> list[str]:
    return [finding.fact for finding in findings if finding.verdict is Verdict.WRONG]


def test_a_fresh_board_is_fine(tmp_path: Path) -> None:
    findings = list(check_system(config(tmp_path), users=False))
    assert not wrongs(findings)
    assert any("Python 3." in finding.fact for finding in findings)


def test_a_configuration_others_can_change_is_told(tmp_path: Path) -> None:
    settings = config(tmp_path)
    settings.path.chmod(0o666)
    [fact] = wrongs(list(check_system(settings, users=False)))
    assert "can be changed by others" in fact


def test_open_state_and_credential_are_told(tmp_path: Path) -> None:
    settings = config(tmp_path)
    settings.state_dir.mkdir(mode=0o755)
    credential = settings.state_dir / "credential"
    credential.write_text("secret")
    credential.chmod(0o644)
    folder, file = wrongs(list(check_system(settings, users=False)))
    assert "is open to others" in folder
    assert "could pose as this board" in file


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "ROOM", 1 << 60)
    [fact] = wrongs(list(check_system(config(tmp_path), users=False)))
    assert "MiB are free" in fact


def test_missing_tools_are_told_with_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "PATH", str(tmp_path))
    findings = list(check_system(config(tmp_path, driver="linux"), users=True))
    remedies = {finding.remedy for finding in findings if finding.verdict is Verdict.WRONG}
    assert remedies == {"apt install passwd", "apt install openssh-server"}


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system, "OLDEST", (99, 0))
    [fact] = wrongs(list(check_system(config(tmp_path), users=False)))
    assert "too old" in fact


def test_a_folder_that_others_can_change_keeps_keys_from_being_read(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    folder.chmod(0o1777)
    facts = wrongs(list(check_keys(folder)))
    assert any(fact.startswith(f"{folder} belongs to") and "1777" in fact for fact in facts)
