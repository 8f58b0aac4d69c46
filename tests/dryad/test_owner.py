"""Two boards of one machine do not come to share a credential."""

import io
from pathlib import Path

import pytest

from boruta_farm.contracts import Registered
from boruta_farm.dryad import config, joining
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.main import run
from boruta_farm.dryad.owner import OWNER_FILE, check_owner, note_owner
from boruta_farm.model.errors import ConfigError, CredentialError

JOIN = "boruta_j_0001_c2VjcmV0"


def join(conf: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Have a board join."""
    if not conf.exists():
        conf.write_text(config.example().replace("# state_dir", f'state_dir = "{state}"\n#'))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{JOIN}\n".encode())))
    return run(["join", "http://127.0.0.1:1/", "--conf", str(conf), "--user", "no-such"])


def test_a_second_board_with_the_first_ones_state_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    async def enrolled(told: AgentConfig, _credential: str) -> Registered:
        asked.append(told.uuid)
        if len(asked) == 1:
            raise CredentialError
        return Registered(uuid=told.uuid, farm_id="f", epoch=0)

    monkeypatch.setattr(joining, "enrol", enrolled)
    state = tmp_path / "state"
    one, two = tmp_path / "one.conf", tmp_path / "two.conf"
    assert join(one, state, monkeypatch) == 1
    assert not (state / OWNER_FILE).exists(), "who was refused keeps nobody out"
    assert join(two, state, monkeypatch) == 0
    assert join(one, state, monkeypatch) == 1
    told = capsys.readouterr().err
    assert f"state_dir: {state} holds the credential of another board" in told
    assert asked[1] in told
    assert join(two, state, monkeypatch) == 0, "the first may join again"
    assert len(asked) == 3


def test_whose_a_folder_is_stays_with_it(tmp_path: Path) -> None:
    check_owner(tmp_path, "one")
    note_owner(tmp_path, "one")
    check_owner(tmp_path, "one")
    with pytest.raises(ConfigError, match="another board of this machine, one;"):
        check_owner(tmp_path, "two")
