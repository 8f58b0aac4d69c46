"""Text to conditions.

selector  = [ condition { "," condition } ]
condition = name                                    present, whatever its value
          | "!" name                                absent
          | name ( "=" | "==" | "!=" ) value        equal, as text
          | name [ "not" ] "in" "(" value { "," value } ")"
          | name ( ">=" | "<=" | ">" | "<" ) number
          | name number ".." number                 a range, both ends included
          | name "has" value                        in a list with commas
"""

from decimal import Decimal

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
from boruta_farm.selectors.numbers import number
from boruta_farm.selectors.simplify import Placed
from boruta_farm.selectors.words import Word, WordKind, words

_OPERATORS = "'=', '!=', '>=', '<=', '>', '<', 'in (...)', 'not in (...)', 'has' or a range"


def read(text: str) -> list[Placed]:
    """Return the conditions of a selector in their order. Raises SelectorError."""
    return _Parser(words(text)).conditions()


class _Parser:
    """Walk over the words."""

    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._at = 0

    def conditions(self) -> list[Placed]:
        found: list[Placed] = []
        if self._peek().kind is WordKind.END:
            return found
        while True:
            column = self._peek().column
            found.append(Placed(self._condition(), column))
            after = self._next()
            if after.kind is WordKind.END:
                return found
            if after[:2] != (WordKind.SIGN, ","):
                raise SelectorError(
                    f"expected ',' or the end after '{found[-1].condition}', found {after.shown}",
                    column=after.column,
                    name=found[-1].condition.name,
                )

    def _condition(self) -> Condition:
        if self._accept("!"):
            return Absent(name=self._name("after '!'"))
        name = self._name("")
        word = self._peek()
        if word.kind is WordKind.END or (word.kind is WordKind.SIGN and word.text == ","):
            return Present(name=name)
        self._next()
        if word.kind is WordKind.TEXT:
            return self._worded(name, word)
        match word.text if word.kind is WordKind.SIGN else "":
            case "=" | "==":
                return AnyOf(name=name, values=(self._value(name, word.text),))
            case "!=":
                return NoneOf(name=name, values=(self._value(name, word.text),))
            case ">=" | ">":
                low = Bound(number=self._number(name, word.text), excluded=word.text == ">")
                return Within(name=name, low=low)
            case "<=" | "<":
                high = Bound(number=self._number(name, word.text), excluded=word.text == "<")
                return Within(name=name, high=high)
            case _:
                raise self._no_operator(name, word)

    def _worded(self, name: str, word: Word) -> Condition:
        """Read what follows a name without a sign: a keyword or a range."""
        if word.text == "in":
            return AnyOf(name=name, values=self._set(name))
        if word.text == "not":
            following = self._next()
            if following[:2] != (WordKind.TEXT, "in"):
                raise self._expected("'in'", "'not'", following, name)
            return NoneOf(name=name, values=self._set(name))
        if word.text == "has":
            return Has(name=name, element=self._element(name))
        low = number(word.text)
        if low is None:
            raise self._no_operator(name, word)
        dots = self._next()
        if dots[:2] != (WordKind.SIGN, ".."):
            raise self._expected("'..' and the end of a range", f"'{word.text}'", dots, name)
        column = word.column
        within = Within(
            name=name, low=Bound(number=low), high=Bound(number=self._number(name, ".."))
        )
        if within.empty:
            raise SelectorError(
                f"the range {within} ends before it begins; write the lower number first",
                column=column,
                name=name,
            )
        return within

    def _set(self, name: str) -> tuple[str, ...]:
        opening = self._next()
        if opening[:2] != (WordKind.SIGN, "("):
            raise self._expected("'(' and values", "'in'", opening, name)
        values: set[str] = set()
        before = "("
        while True:
            values.add(self._value(name, before))
            after = self._next()
            if after[:2] == (WordKind.SIGN, ")"):
                return tuple(sorted(values))
            if after[:2] != (WordKind.SIGN, ","):
                raise self._expected("',' or ')'", "a value", after, name)
            before = ","

    def _element(self, name: str) -> str:
        column = self._peek().column
        element = self._value(name, "has").strip()
        if not element or "," in element:
            raise SelectorError(
                "'has' looks for one element of a list with commas, so it cannot be empty or "
                f"hold a comma itself; ask twice, as in '{name} has a, {name} has b'",
                column=column,
                name=name,
            )
        return element

    def _name(self, where: str) -> str:
        word = self._next()
        if word.kind not in (WordKind.TEXT, WordKind.QUOTED) or not word.text:
            place = f"a capability's name {where}".strip()
            message = f"expected {place}, found {word.shown}"
            raise SelectorError(message, column=word.column, name="")
        return word.text

    def _value(self, name: str, after: str) -> str:
        word = self._next()
        if word.kind not in (WordKind.TEXT, WordKind.QUOTED):
            raise self._expected("a value", f"'{after}'", word, name)
        return word.text

    def _number(self, name: str, after: str) -> Decimal:
        word = self._next()
        found = number(word.text) if word.kind is WordKind.TEXT else None
        if found is None:
            raise self._expected("a number", f"'{after}'", word, name)
        return found

    def _no_operator(self, name: str, word: Word) -> SelectorError:
        return SelectorError(
            f"expected {_OPERATORS} after the name {name!r}, found {word.shown}",
            column=word.column,
            name=name,
        )

    def _expected(self, wanted: str, after: str, word: Word, name: str) -> SelectorError:
        return SelectorError(
            f"expected {wanted} after {after}, found {word.shown}", column=word.column, name=name
        )

    def _peek(self) -> Word:
        return self._words[self._at]

    def _next(self) -> Word:
        word = self._words[self._at]
        # The END stays the next word for ever.
        self._at = min(self._at + 1, len(self._words) - 1)
        return word

    def _accept(self, sign: str) -> bool:
        word = self._peek()
        if word.kind is WordKind.SIGN and word.text == sign:
            self._next()
            return True
        return False
