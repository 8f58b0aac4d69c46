"""The grammar: what can be written, and where it goes wrong."""

from decimal import Decimal

import pytest

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.conditions import (
    Absent,
    AnyOf,
    Bound,
    Condition,
    Has,
    NoneOf,
    Present,
    Within,
)
from boruta_farm.selectors.parser import read

TWO, THREE = Bound(number=Decimal(2)), Bound(number=Decimal("3.6"))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("hdmi", Present(name="hdmi")),
        ("!broken", Absent(name="broken")),
        ("! broken", Absent(name="broken")),
        ("arch=arm", AnyOf(name="arch", values=("arm",))),
        ("arch == arm", AnyOf(name="arch", values=("arm",))),
        ('"device type" = "a, \\"b\\" \\\\"', AnyOf(name="device type", values=('a, "b" \\',))),
        ('arch = ""', AnyOf(name="arch", values=("",))),
        ("arch != x86", NoneOf(name="arch", values=("x86",))),
        ("board in (b, a, b)", AnyOf(name="board", values=("a", "b"))),
        ("board not in (b,a)", NoneOf(name="board", values=("a", "b"))),
        ("ram >= 2", Within(name="ram", low=TWO)),
        ("ram > 2.0", Within(name="ram", low=Bound(number=Decimal(2), excluded=True))),
        ("ram<=+3.60", Within(name="ram", high=THREE)),
        ("ram < 3.6", Within(name="ram", high=Bound(number=Decimal("3.6"), excluded=True))),
        ("voltage 2..3.6", Within(name="voltage", low=TWO, high=THREE)),
        ("voltage -2 .. 2", Within(name="voltage", low=Bound(number=Decimal(-2)), high=TWO)),
        ("serial has 115200", Has(name="serial", element="115200")),
        ('serial has " a b "', Has(name="serial", element="a b")),
        ("in in (in)", AnyOf(name="in", values=("in",))),
        ("has has has", Has(name="has", element="has")),
        ("not", Present(name="not")),
        ("płytka = żółta", AnyOf(name="płytka", values=("żółta",))),
    ],
)
def test_one_condition(text: str, condition: Condition) -> None:
    assert [placed.condition for placed in read(text)] == [condition]


def test_conditions_keep_their_order_and_columns() -> None:
    placed = read("b = 1,\n  !a , c has x")
    assert [(str(p.condition), p.column) for p in placed] == [
        ("b = 1", 1),
        ("!a", 10),
        ("c has x", 15),
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_nothing_asks_for_nothing(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        (",", 1, "expected a capability's name, found ','"),
        ("a,", 3, "expected a capability's name, found the end"),
        ("a b", 3, "after the name 'a', found 'b'"),
        ("a ! b", 3, "after the name 'a', found '!'"),
        ('a "b"', 3, "after the name 'a', found 'b'"),
        ("!", 2, "expected a capability's name after '!', found the end"),
        ('"" = 1', 1, "expected a capability's name, found ''"),
        ("a =", 4, "expected a value after '=', found the end"),
        ("a = b c", 7, "expected ',' or the end after 'a = b', found 'c'"),
        ("a >= two", 6, "expected a number after '>=', found 'two'"),
        ('a >= "2"', 6, "expected a number after '>=', found '2'"),
        ("a >= .5", 6, "expected a number"),
        ("a >= 1e3", 6, "expected a number"),
        ("a 2", 4, "expected '..' and the end of a range after '2'"),
        ("a 2..", 6, "expected a number after '..', found the end"),
        ("a 3..2", 3, "ends before it begins"),
        ("a in b", 6, "expected '(' and values after 'in', found 'b'"),
        ("a in ()", 7, "expected a value after '(', found ')'"),
        ("a in (b", 8, "expected ',' or ')' after a value, found the end"),
        ("a in (b,)", 9, "expected a value after ',', found ')'"),
        ("a not (b)", 7, "expected 'in' after 'not', found '('"),
        ("a has", 6, "expected a value after 'has', found the end"),
        ('a has "b,c"', 7, "one element of a list"),
        ('a has " "', 7, "one element of a list"),
        ("a = 'b'", 5, "in double quotes"),
        ("a | b", 3, "in double quotes"),
        ('a = "b', 5, 'a closing " is missing'),
        ('a = "b\\n"', 5, "before something other than"),
    ],
)
def test_an_error_points_at_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(SelectorError) as caught:
        read(text)
    assert caught.value.column == column
    assert caught.value.message.startswith(f"Selector, column {column}: ")
    assert words in caught.value.message


def test_an_error_names_the_capability_in_question() -> None:
    for text, name in (("rma >= x", "rma"), ("a = 1 2", "a"), ("= 1", "")):
        with pytest.raises(SelectorError) as caught:
            read(text)
        assert caught.value.name == name
