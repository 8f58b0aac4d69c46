"""A token out of a file, variable or terminal: as it may be sent, or told but never shown."""

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.token import LONGEST, check_token, conceal

TOKEN = "boruta_p_0a1b2c_Zm9vYmFy-_0123456789"


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"{TOKEN}\n",
        f"{TOKEN}\r\n",
        f"\ufeff{TOKEN}\r\n",
        f"  {TOKEN}\t",
        f"\n\n{TOKEN}\n\n",
        f"\xa0{TOKEN}\u2028",
    ],
)
def test_what_files_bring_along_is_taken_away(text: str) -> None:
    assert check_token(text, "BORUTA_TOKEN") == TOKEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\r\n", "it is empty"),
        (f"{TOKEN}\n{TOKEN}", "blanks or line ends inside"),
        (f"Bearer {TOKEN}", "blanks or line ends inside"),
        (f'"{TOKEN}"', "in quotes"),
        (f"'{TOKEN}", "in quotes"),
        (f"{TOKEN[:9]}\x00{TOKEN[9:]}", r"character 10 .* U\+0000 \(a control character\)"),
        (f"{TOKEN[:9]}\u200b{TOKEN[9:]}", r"U\+200B \(ZERO WIDTH SPACE\)"),
        (f"{TOKEN}\u00e4", r"U\+00E4"),
        (f"{TOKEN}\udce4", r"U\+DCE4"),
        (TOKEN * 10, f"the longest have {LONGEST}"),
    ],
)
def test_what_is_no_token_is_told_without_being_shown(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        check_token(text, "BORUTA_TOKEN")
    assert caught.value.message.startswith("BORUTA_TOKEN: ")
    assert "Zm9v" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_token_in_other_words_is_concealed_but_its_id() -> None:
    assert conceal(f"no {TOKEN!r} here, nor {TOKEN}.") == (
        "no 'boruta_p_0a1b2c_...' here, nor boruta_p_0a1b2c_...."
    )
    assert conceal("boruta_farm and ~/boruta_p") == "boruta_farm and ~/boruta_p"
