"""Whatever is typed: an error with a place, or a canonical form that means the same."""

from hypothesis import example, given
from hypothesis import strategies as st

from boruta_farm.model.errors import SelectorError
from boruta_farm.selectors.parser import read
from boruta_farm.selectors.selector import Selector, parse

NAMES = st.sampled_from(["a", "b", "long name", 'q"', "in"])
VALUES = st.sampled_from(["1", "2", "2.0", "3.5", "x", "y", "", "x,y", "1, 2", " 2 ", "a..b", "\\"])
NUMBERS = st.sampled_from(["0", "1", "2", "2.00", "3.6", "-1"])
SOUP = st.lists(
    st.sampled_from(
        [
            *'ain(),=!<"12.|é',
            "not",
            "has",
            "==",
            "!=",
            ">=",
            "..",
            "2.5",
            '"x"',
            "\\",
            "'",
            "\n",
            " ",
        ]
    ),
    max_size=12,
).map("".join)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def condition(parts: tuple[str, str, list[str], str, str]) -> str:
    form, name, values, low, high = parts
    listed = ", ".join(map(quote, values))
    low, high = sorted((low, high), key=float)
    return form.format(n=quote(name), v=quote(values[0]), s=listed, low=low, high=high)


FORMS = st.sampled_from(
    [
        *("{n}", "!{n}", "{n} = {v}", "{n} != {v}", "{n} in ({s})", "{n} not in ({s})"),
        *("{n} >= {low}", "{n} > {low}", "{n} <= {low}", "{n} < {low}", "{n} {low}..{high}"),
        *("{n} has x", "{n} has 2"),
    ]
)
CONDITIONS = st.tuples(FORMS, NAMES, st.lists(VALUES, min_size=1, max_size=3), NUMBERS, NUMBERS)
SELECTORS = st.lists(CONDITIONS.map(condition), max_size=6).map(", ".join)
CAPS = st.dictionaries(NAMES, VALUES)


def holds(text: str, caps: dict[str, str]) -> bool:
    """Tell what the conditions mean as they were written, one by one."""
    return all(p.condition.holds(caps.get(p.condition.name)) for p in read(text))


def tried(text: str) -> Selector | SelectorError:
    """Return the selector, or why there is none."""
    try:
        return parse(text)
    except SelectorError as error:
        return error


@given(SELECTORS, st.lists(CAPS, max_size=8))
def test_the_canonical_form_means_the_same(text: str, boards: list[dict[str, str]]) -> None:
    selector = tried(text)
    if isinstance(selector, SelectorError):
        assert "contradicts" in selector.message
        assert not any(holds(text, caps) for caps in boards)
        return
    again = parse(str(selector))
    assert again == selector
    assert str(again) == str(selector)
    for caps in boards:
        assert selector.matches(caps) == holds(text, caps) == (not selector.failing(caps))


@given(SELECTORS, SELECTORS)
def test_order_and_repetition_do_not_matter(first: str, second: str) -> None:
    one = tried(", ".join(part for part in (first, second) if part))
    other = tried(", ".join(part for part in (second, first, second) if part))
    assert one == other or (isinstance(one, SelectorError) and isinstance(other, SelectorError))


@given(st.one_of(SOUP, st.text(max_size=40)))
@example('a = "' + "\\" * 99)
@example("a in (" + "(" * 5000)
@example("a" * 5000 + " >= " + "9" * 5000)
@example("!" * 5000)
def test_any_text_is_understood_or_refused_with_its_place(text: str) -> None:
    selector = tried(text)
    if isinstance(selector, SelectorError):
        assert selector.column is not None
        assert 1 <= selector.column <= len(text) + 1
        return
    assert parse(str(selector)) == selector


def test_what_fails_is_told_in_order() -> None:
    selector = parse("ram >= 2, board in (rpi3, rpi4), !broken, arch != x86")
    failing = selector.failing({"ram": "1", "board": "rpi3", "broken": "fan", "arch": "x86"})
    assert [str(c) for c in failing] == ["arch != x86", "!broken", "ram >= 2"]
    assert [c.name for c in failing] == ["arch", "broken", "ram"]
    assert selector.names == ("arch", "board", "broken", "ram")
