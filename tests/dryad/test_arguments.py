"""A token that is typed where none belongs is refused without being repeated."""

import pytest

from boruta_farm.dryad.main import run

TOKEN = "boruta_j_0001_c2VjcmV0"


@pytest.mark.parametrize(
    "typed",
    [
        [TOKEN],
        ["--token", TOKEN],
        ["--log-level", TOKEN],
        ["join", TOKEN],
        ["join", "http://127.0.0.1:1", TOKEN],
        ["join", "http://127.0.0.1:1", "--token", TOKEN],
        ["doctor", TOKEN],
        ["config", TOKEN],
        ["helper", TOKEN],
        ["detect", TOKEN],
        ["commands", "a", TOKEN],
    ],
    ids=" ".join,
)
def test_a_token_is_not_repeated(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(typed)
    assert ended.value.code == 2
    told = "".join(capsys.readouterr())
    assert "usage: dryad" in told
    assert TOKEN not in told
