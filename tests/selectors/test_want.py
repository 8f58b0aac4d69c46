"""The one way to say which board is meant: read, written, and whatever is typed survived."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boruta_farm.model.errors import WantError
from boruta_farm.selectors.conditions import Absent, AnyOf, Bound, Has, NoneOf, Within
from boruta_farm.selectors.want import LONGEST, Called, Term, Want, parse, request_of

FOUR = Bound(number=Decimal(4))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("lab-rpi4", (Called(text="lab-rpi4"),)),
        ("rpi4.lab.example.org", (Called(text="rpi4.lab.example.org"),)),
        ("!broken", (Absent(name="broken"),)),
        ("board!=rpi4", (NoneOf(name="board", values=("rpi4",)),)),
        ("ram.ge.4", (Within(name="ram", low=FOUR),)),
        ("RAM.LT.4", (Within(name="RAM", high=Bound(number=Decimal(4), excluded=True)),)),
        (
            "fan.rpm.gt.-2.5",
            (Within(name="fan.rpm", low=Bound(number=Decimal("-2.5"), excluded=True)),),
        ),
        ("serial.has.115200", (Has(name="serial", element="115200"),)),
        (
            "board=rpi4+arch=arm64+rpi4",
            (
                AnyOf(name="board", values=("rpi4",)),
                AnyOf(name="arch", values=("arm64",)),
                Called(text="rpi4"),
            ),
        ),
        ("any", ()),
        ("ANY", ()),
    ],
)
def test_what_openssh_lets_through_as_a_name(text: str, terms: tuple[Term, ...]) -> None:
    assert parse(text) == Want(terms=terms)


@pytest.mark.parametrize("text", ["42", "r42", "R42", "0.0.0.42"])
def test_a_request_as_it_is_typed_and_as_ssh_hands_it_on(text: str) -> None:
    assert parse(text) == Want(request=42)


def test_a_large_id_is_an_address_for_ssh() -> None:
    assert request_of("0.1.226.64") == 123_456
    assert request_of("0.255.255.255") == 2**24 - 1


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "1.0.0.42", "0.0.0.256", "0.0.42", "r", "4r2", "-42", "r" + "9" * 19, "४२"],
)
def test_what_is_no_request(text: str) -> None:
    assert request_of(text) is None


@pytest.mark.parametrize("text", ["ram >= 2, !broken", "board in (a, b)", 'a = "b"', "ram<4"])
def test_what_no_host_is_called_is_a_selector(text: str) -> None:
    assert parse(text) == Want(selector=text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a board's name, a kind of board, or any"),
        ("rpi4+", "nothing beside it"),
        ("!", "names no capability"),
        ("!!a", "names no capability"),
        ("=rpi4", "names no capability"),
        ("board=", "names no value"),
        ("ram.ge.two", "'two', which is no number"),
        ("a\0b", "characters that no name can have"),
        ("a" * (LONGEST + 1), "1024 characters"),
    ],
)
def test_a_refusal_says_how_it_is_written(text: str, told: str) -> None:
    with pytest.raises(WantError, match=told):
        parse(text)


NAMES = st.text(st.sampled_from("abzRAM019._-:/@%#~é"), min_size=1, max_size=9).filter(
    lambda name: (
        name.strip(".") == name and not {"ge", "gt", "le", "lt", "has"} & {*name.lower().split(".")}
    )
)
NUMBERS = st.decimals(-1000, 1000, places=2)
BOUNDS = st.builds(
    Bound, number=NUMBERS.map(lambda n: Decimal(f"{n:f}").normalize() + 0), excluded=st.booleans()
)
TERMS = st.one_of(
    st.builds(Called, text=NAMES),
    st.builds(Absent, name=NAMES),
    st.builds(AnyOf, name=NAMES, values=st.tuples(NAMES)),
    st.builds(NoneOf, name=NAMES, values=st.tuples(NAMES)),
    st.builds(Has, name=NAMES, element=NAMES),
    st.builds(Within, name=NAMES, low=BOUNDS),
    st.builds(Within, name=NAMES, high=BOUNDS),
)
WANTS = st.one_of(
    st.builds(Want, request=st.integers(0, 10**18 - 1)),
    st.builds(Want, terms=st.lists(TERMS, max_size=5).map(tuple)).filter(
        lambda want: request_of(str(want)) is None
    ),
)


@given(WANTS)
def test_what_is_written_is_read_as_the_same(want: Want) -> None:
    assert parse(str(want)) == want or str(want).lower() == "any"


@given(
    st.one_of(st.text(max_size=60), st.text(st.sampled_from("aR4!=+.,<( \0geltrhas"), max_size=30))
)
@example("!=")
@example("a!=b=c")
@example("0.0.0.999")
@example(".ge." * 99 + "4")
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        want = parse(text)
    except WantError:
        return
    again = parse(str(want))
    assert again == want
    assert str(again) == str(want)
