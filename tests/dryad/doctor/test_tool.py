from pathlib import Path

import pytest

from boruta_farm.dryad.doctor.tool import DONE, FOUND_WRONG
from boruta_farm.dryad.main import run
from tests.dryad.doctor.configs import config


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.disable", lambda _level: None)


def test_a_board_that_cannot_reach_its_farm_is_not_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, server="http://127.0.0.1:1").path
    assert run(["doctor", "--conf", str(path)]) == FOUND_WRONG
    told = capsys.readouterr().out
    assert "ok      system" in told
    assert "WRONG   farm" in told
    assert told.splitlines()[-1].startswith("1 of ")
    assert " helper " not in told, "a sandbox needs no root"


def test_a_missing_driver_is_told_beside_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, driver="sandbx").path
    assert run(["doctor", "--conf", str(path)]) == FOUND_WRONG
    told = capsys.readouterr().out
    assert "no installed package brings the driver 'sandbx'" in told
    assert "-> did you mean 'sandbox'?" in told
    assert "ok      files" in told


def test_brief_leaves_out_what_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, server="http://127.0.0.1:1").path
    assert run(["doctor", "--brief", "-conf", str(path)]) == FOUND_WRONG
    assert "ok  " not in capsys.readouterr().out


def test_a_board_of_the_originals_server_can_be_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, server="", boruta_address="127.0.0.1:7175").path
    assert run(["doctor", "--conf", str(path)]) == DONE
    assert "can be lent" in capsys.readouterr().out


def test_a_wrong_configuration_is_the_first_thing_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dryad.conf"
    assert run(["doctor", "--conf", str(path)]) == FOUND_WRONG
    assert f"there is no {path}" in capsys.readouterr().out
    path.write_text('sever = "x"')
    assert run(["doctor", "--conf", str(path)]) == FOUND_WRONG
    assert "did you mean server?" in capsys.readouterr().out
