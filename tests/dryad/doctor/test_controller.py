from pathlib import Path

import pytest

from boruta_farm.dryad.doctor import controller
from boruta_farm.dryad.doctor.controller import check_controller
from boruta_farm.dryad.doctor.findings import Verdict
from tests.dryad.doctor.configs import config


async def test_other_boards_have_no_controller(tmp_path: Path) -> None:
    assert await check_controller(config(tmp_path, driver="linux")) == ()


async def test_a_service_that_is_down_is_told(tmp_path: Path) -> None:
    settings = config(tmp_path, driver="muxpi", stm_path=str(tmp_path / "stm.socket"))
    first, *_ = await check_controller(settings)
    assert first.verdict is Verdict.WRONG
    assert "systemctl enable --now dryad-stm.socket" in first.remedy


async def test_a_serial_line_of_ones_own_must_be_open(tmp_path: Path) -> None:
    device = tmp_path / "ttyS2"
    tables = f'[muxpi]\ntty = "{device}"'
    settings = config(tmp_path, driver="muxpi", stm_path="", tables=tables)
    first, *_ = await check_controller(settings)
    assert (first.verdict, "uart2" in first.remedy) == (Verdict.WRONG, True)
    device.touch()
    first, *_ = await check_controller(settings)
    assert first.verdict is Verdict.GOOD


async def test_what_sessions_need_is_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "TOOL", tmp_path / "stm")
    tables = f'[muxpi]\nuser_socket = "{tmp_path}/user.socket"'
    stm_path = str(tmp_path / "stm.socket")
    settings = config(tmp_path, driver="muxpi", stm_path=stm_path, tables=tables)
    _, *rest = await check_controller(settings)
    assert {finding.verdict for finding in rest} == {Verdict.ADVICE}
    assert len(rest) == 2
