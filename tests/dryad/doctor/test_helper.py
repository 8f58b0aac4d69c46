import asyncio
import json
from pathlib import Path

from boruta_farm.dryad.doctor.helper import check_helper
from boruta_farm.dryad.findings import Verdict
from tests.dryad.doctor.configs import config


async def test_an_agent_that_is_root_is_advised(tmp_path: Path) -> None:
    [finding] = await check_helper(config(tmp_path, driver="linux"))
    assert finding.verdict is Verdict.ADVICE
    assert "helper = " in finding.remedy


async def test_a_helper_that_is_down_is_told(tmp_path: Path) -> None:
    settings = config(tmp_path, driver="linux", helper=str(tmp_path / "helper.sock"))
    [finding] = await check_helper(settings)
    assert finding.verdict is Verdict.WRONG
    assert "dryad-helper" in finding.remedy


async def test_a_helper_that_answers_is_fine(tmp_path: Path) -> None:
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(json.loads(await reader.readline()))
        inspection: dict[str, object] = {"warnings": [], "root_groups": [], "host_key": None}
        writer.write(json.dumps({"result": inspection}).encode() + b"\n")
        writer.close()

    path = tmp_path / "helper.sock"
    server = await asyncio.start_unix_server(answer, path)
    [finding] = await check_helper(config(tmp_path, driver="linux", helper=str(path)))
    server.close()
    assert finding.verdict is Verdict.GOOD, finding.fact
    assert [call["verb"] for call in asked] == ["inspect"]
