from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.client.last import MOST_FARMS, LastHeld, recall, remember, state_path
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.request import RequestState
from tests.store.making import make_request

HERE = "http://farm:8487"
HELD = make_request(7, caps={"board": "rpi4"}, selector="ram >= 2")


def test_each_farm_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "boruta" / "last.json"
    assert recall(path, HERE) is None
    remember(path, HERE, HELD)
    remember(path, "http://far", replace(HELD, id=9, caps=None, selector=None))
    assert recall(path, HERE) == LastHeld(request=7, caps={"board": "rpi4"}, selector="ram >= 2")
    assert recall(path, "http://far") == LastHeld(request=9)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_to_be_ready_is_remembered_with_it(tmp_path: Path) -> None:
    path = tmp_path / "last.json"
    remember(path, HERE, replace(HELD, image="https://a/b", storage="sd", boot_until="login:"))
    last = recall(path, HERE)
    assert last is not None
    assert (last.image, last.storage, last.boot_until) == ("https://a/b", "sd", "login:")
    path.write_text('{"http://farm:8487": {"request": 7, "caps": {}, "selector": null}}')
    assert recall(path, HERE) == LastHeld(request=7)


def test_what_was_not_used_for_longest_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "last.json"
    for number in range(MOST_FARMS):
        remember(path, f"http://{number}", HELD)
    remember(path, "http://0", HELD)
    remember(path, HERE, HELD)
    assert recall(path, "http://1") is None
    assert None not in (recall(path, "http://0"), recall(path, "http://2"), recall(path, HERE))


def test_only_the_same_request_is_taken_up() -> None:
    last = LastHeld(request=7, caps={"board": "rpi4"}, selector="ram >= 2")
    assert last.fits(HELD)
    assert not last.fits(replace(HELD, state=RequestState.DONE))
    assert not last.fits(replace(HELD, caps={"board": "rpi3"}))


@pytest.mark.parametrize("text", ["{", "[]", '{"http://farm:8487": {"request": "x"}}'])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "last.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is damaged"):
        recall(path, HERE)


def test_where_it_lies(tmp_path: Path) -> None:
    assert state_path({"XDG_STATE_HOME": "/s"}) == Path("/s/boruta/last.json")
    assert state_path({"HOME": "/h"}) == Path("/h/.local/state/boruta/last.json")
