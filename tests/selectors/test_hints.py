"""Names that may have been meant."""

from boruta_farm.selectors.hints import known_names, near


def test_near_names_come_first_whatever_their_case() -> None:
    known = ["ram", "arch", "RAM_type", "Board"]
    assert near("rma", known) == ["ram"]
    assert near("board", known) == ["Board"]
    assert near("zzz", known) == []


def test_the_words_list_what_is_known() -> None:
    assert known_names("rma", {"ram", "arch"}) == (
        "did you mean ram? capabilities known here: arch, ram"
    )
    assert known_names("ram", {"ram", "arch"}) == "capabilities known here: arch, ram"
    assert known_names(None, set()) == "no board is registered yet, so no capability is known"


def test_a_long_list_is_cut_and_says_so() -> None:
    words = known_names(None, {f"c{n:03}" for n in range(100)})
    assert words.endswith("c019 and 80 more")
