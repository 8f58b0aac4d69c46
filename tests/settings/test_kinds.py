"""Every kind reads what it writes, and answers anything else with one line."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from boruta_farm.settings import kinds, places
from boruta_farm.settings.kinds import SettingKind
from boruta_farm.settings.table import SettingError
from tests.settings.strange import STRANGE


class Colour(StrEnum):
    RED = "red"
    LIGHT_BLUE = "light blue"


KINDS: dict[str, tuple[SettingKind[Any], object]] = {
    "text": (kinds.Text(), "a"),
    "one line": (kinds.Text(r"[a-z]+", "must be letters"), "a"),
    "switch": (kinds.Switch(), True),
    "whole": (kinds.Whole(), 7),
    "number": (kinds.Number(0, 10), 0.5),
    "duration": (kinds.Duration(), timedelta(minutes=90)),
    "seconds": (kinds.Seconds(1, 280), 60.0),
    "one of": (kinds.OneOf(Colour), Colour.LIGHT_BLUE),
    "maybe": (kinds.Maybe(kinds.Whole(1), "none"), None),
    "listing": (kinds.Several(kinds.Text()), ("a", "b, c")),
    "words": (kinds.Several(kinds.Text(), commas=True), ("a", "b")),
    "named": (kinds.Named(kinds.Text()), {"a": "b"}),
    "pairs": (kinds.Named(kinds.Whole(1), commas=True), {"ci": 20, "ann": 2}),
    "address": (places.Address(), ("::1", 8487)),
    "destination": (places.Destination(), ":22"),
    "ports": (places.Ports(1024, 65535, such_as="20000-29999"), (20000, 29999)),
    "ip": (places.Ip(), "10.0.0.1"),
    "networks": (places.IpNetwork(), places.IpNetwork().read("10.0.0.0/8")),
    "origin": (places.Origin(), "https://ci.example"),
    "url": (places.Url(), "https://farm.example/boruta"),
    "path": (places.Location(), Path("/srv/dryad")),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_is_read_back(name: str) -> None:
    kind, value = KINDS[name]
    assert kind.read(kind.show(value)) == value


@pytest.mark.parametrize("name", KINDS)
def test_strange_values_are_read_or_told_in_one_line(name: str) -> None:
    kind, _ = KINDS[name]
    for raw in STRANGE:
        message, found = answer(kind, raw)
        assert len(message) < 300
        assert message.isprintable(), message
        assert message or kind.read(kind.show(found)) == found


def answer(kind: SettingKind[Any], raw: object) -> tuple[str, object]:
    """Return the complaint about a value, or what it was read as."""
    try:
        return "", kind.read(raw)
    except SettingError as wrong:
        return wrong.message, None


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        (kinds.Text(), 3, "3 must be a text; put it in quotes"),
        (kinds.Text(secret=True), 3, "what stands there must be a text; put it in quotes"),
        (kinds.Pattern(), "a(", "'a(' is no regular expression: missing ), unterminated"),
        (kinds.Switch(), "maybe", "'maybe' must be true or false"),
        (kinds.Switch(), 1, "1 must be true or false"),
        (kinds.Whole(1), 0, "0 must lie between 1 and 2147483647"),
        (kinds.Whole(1), 1.5, "1.5 must be a whole number of at least 1"),
        (kinds.Whole(), True, "True must be a whole number"),
        (kinds.Whole(), 10**400, "a number of very many digits must lie between 0 and"),
        (kinds.Number(0, 1), float("nan"), "nan must be a number"),
        (kinds.Number(0, 1), float("inf"), "inf must lie between 0 and 1"),
        (kinds.Duration(), 90, '90 is no duration; write it in quotes with a unit, such as "90s"'),
        (kinds.Duration(), "99999999999d", "is longer than a hundred years"),
        (kinds.Duration(timedelta(minutes=10)), "1m", "must be at least 10m"),
        (kinds.Seconds(1, 280), "5m", "300.0 must lie between 1 and 280"),
        (kinds.OneOf(Colour), "blue", "'blue' is none of red, light blue"),
        (kinds.Several(kinds.Text()), "a", """'a' must be a list, such as ["one", "two"]"""),
        (kinds.Named(kinds.Whole(1), commas=True), "ci", "'ci' names nobody"),
        (kinds.Named(kinds.Whole(1), commas=True), "a=1, a=2", "'a' stands there twice"),
        (
            places.Address(),
            "::1:8487",
            "is no address; write HOST:PORT, such as 127.0.0.1:8487, an IPv6",
        ),
        (places.Address(), 8487, "8487 is no address"),
        (places.Destination(), ":0", "':0' must be HOST:PORT or :PORT, and not port 0"),
        (places.Destination(host=True), ":443", "':443' must be HOST:PORT"),
        (places.Ports(1024, 65535, such_as="1-2"), "80-90", "80-90 must lie between 1024 and"),
        (places.Ports(1, 9, such_as="1-2", count=3), "4-5", "4-5 must hold 3 or more"),
        (places.IpNetwork(), "10.0.0.1/8", "'10.0.0.1/8' is no network; did you mean 10.0.0.0/8 ?"),
        (places.IpNetwork(), "farm", "'farm' is no network; write networks such as"),
        (places.Url(), "lab:8487", "'lab:8487' is no address; did you mean http://lab:8487 ?"),
        (places.Url(), "http://a..b", "'http://a..b' is no address: no host can be called a..b"),
        (places.Url(), "http://u:p@lab", "must hold neither user nor token; leave them out"),
        (places.Url(), "http://lab:port", "is no address: Port could not be cast"),
        (places.Location(full=True), "here", "'here' must be a path that begins with / or ~"),
        (places.Location(), "~nobody-of-this-name/x", "there is no such home folder"),
    ],
)
def test_what_is_wrong_is_said(kind: SettingKind[object], raw: object, words: str) -> None:
    with pytest.raises(SettingError) as wrong:
        kind.read(raw)
    assert words in wrong.value.message


def test_texts_of_the_environment_are_read_as_the_values_they_mean() -> None:
    assert kinds.Switch().read("Yes") is True
    assert kinds.Whole().read(" 12 ") == 12
    assert kinds.Number(0, 10).read("1.5") == 1.5
    assert kinds.Seconds(1, 280).read("2m") == 120.0
    assert kinds.Seconds(1, 280).read("90") == 90.0
    assert kinds.Several(kinds.Text(), commas=True).read("a, b,") == ("a", "b")
    assert kinds.Several(kinds.Text(), commas=True).read(["a", "b"]) == ("a", "b")
    assert kinds.Named(kinds.Whole(), commas=True).read({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    "text", ["http://lab\n", "http://lab\r\n", " http://lab/ ", "\thttp://lab"]
)
def test_line_ends_and_blanks_around_an_address_are_taken_away(text: str) -> None:
    assert places.Url().read(text) == "http://lab"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://[fe80::1%25eth0]:8487", "http://[fe80::1%eth0]:8487"),
        ("http://[fe80::1%eth0]:8487", "http://[fe80::1%eth0]:8487"),
        ("http://[fe80::1%25]", "http://[fe80::1%25]"),
        ("http://lab/a%25b", "http://lab/a%25b"),
    ],
)
def test_a_zone_is_taken_as_urls_write_it(text: str, address: str) -> None:
    assert places.Url().read(text) == address
