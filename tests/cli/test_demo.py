"""What the demo takes together, and what not."""

import pytest

from tests.cli.stage import Boruta


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--once", "--port", "9000"), "--port is for a farm that stays"),
        (("--port", "0"), "1<=x<=65535"),
        (("--users",), "--users runs with --once"),
        (("--once", "--users", "--tools"), "two shows"),
        (("--driver", "linux"), "runs with --once only"),
    ],
)
def test_what_does_not_go_together_is_said(
    boruta: Boruta, words: tuple[str, ...], complaint: str
) -> None:
    assert complaint in boruta("demo", *words, status=2).err
