"""How much a text takes: as many bytes as JSON needs for it."""

import msgspec
import pytest

from boruta_farm.model.sizes import size_of


@pytest.mark.parametrize(
    "text", ["", "plain", 'a "quoted" \\', "line\nfeed", "\x01", "größe", "板", "😀"]
)
def test_a_text_counts_as_it_is_told(text: str) -> None:
    assert size_of(text) == len(msgspec.json.encode(text)) - 2


def test_none_counts_nothing_and_half_a_pair_as_utf_8_would_write_it() -> None:
    assert size_of(None) == 0
    assert size_of("\ud800") == 3
