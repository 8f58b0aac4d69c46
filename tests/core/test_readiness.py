"""What a request may ask to be done to its board first, and what that asks of a board."""

from contextlib import suppress

import pytest

from boruta_farm.core import requests
from boruta_farm.core.readiness import with_demands, with_readiness
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BorutaError, ReadinessError, SelectorError
from boruta_farm.model.readiness import Readiness
from boruta_farm.model.request import NewRequest, RequestUpdate
from boruta_farm.selectors.selector import parse
from tests.core.world import NOW, DictWorld

URL = "https://images.example/board.img.zst"
DIGEST = "0123456789abcdef" * 4


def wish(
    image: str | None = None,
    storage: str | None = None,
    boot_until: str | None = None,
    selector: str | None = None,
) -> NewRequest:
    return NewRequest(
        caps={},
        priority=8,
        image=image,
        storage=storage,
        boot_until=boot_until,
        selector=selector,
    )


def test_what_is_asked_for_is_kept_with_its_sum_told_apart(world: DictWorld) -> None:
    new = wish(f"{URL}#sha256={DIGEST.upper()}", "sd-card_1", r"login: $")
    request = world.apply(requests.create(world, LOCAL_ADMIN, new, NOW))
    assert request.image == f"{URL}#sha256={DIGEST}"
    assert request.readiness == Readiness(
        image=URL, sha256=DIGEST, storage="sd-card_1", boot_until="login: $"
    )
    plain = world.apply(requests.create(world, LOCAL_ADMIN, wish(), NOW))
    assert (plain.readiness, plain.selector) == (None, None)


def test_empty_texts_ask_for_nothing() -> None:
    new = with_readiness(wish("", "", ""))
    assert (new.image, new.storage, new.boot_until) == (None, None, None)


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        (wish("images/board.img"), "is no web address; give one like https://"),
        (wish("ftp://images.example/a"), "is no web address"),
        (wish("https://images.example:99999/a"), "is no web address"),
        (wish("https://images.example/a b"), "is no web address"),
        (wish("https://images.example/ä"), "is no web address"),
        (wish(f"{URL}?token=1"), "must hold neither user nor query"),
        (wish("https://me:secret@images.example/a"), "must hold neither user nor query"),
        (wish(f"{URL}#part"), "behind # stands sha256="),
        (wish(f"{URL}#sha256={DIGEST[1:]}"), "behind # stands sha256="),
        (wish("https://images.example/" + "a" * 2000), "at most 2000 characters"),
        (wish(URL, "SD card"), "cannot be a tool's name"),
        (wish(None, "sd"), "name an Image as well"),
        (wish(None, None, "("), "is no regular expression: missing )"),
        (wish(None, None, "(" * 900 + ")" * 900), "at most 1000 characters"),
        (wish(None, None, "a{99999999999}"), "is no regular expression"),
        (wish(None, None, "a\0b"), "one line of visible characters"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    new: NewRequest, complaint: str, world: DictWorld
) -> None:
    with pytest.raises(ReadinessError) as told:
        requests.create(world, LOCAL_ADMIN, new, NOW)
    assert complaint in told.value.message
    assert "secret" not in told.value.message


def test_a_pattern_is_read_however_deep_it_is() -> None:
    for depth in (90, 240, 480):
        with suppress(ReadinessError):
            with_readiness(wish(None, None, "(" * depth + ")" * depth))


@pytest.mark.parametrize(
    ("new", "selector"),
    [
        (wish(URL), "tool.image = yes"),
        (wish(URL, "sd"), "tool.image.sd = yes"),
        (wish(None, None, "=> "), "tool.boot = yes"),
        (wish(URL, "sd", "=> ", "ram >= 2"), "ram >= 2, tool.boot = yes, tool.image.sd = yes"),
    ],
)
def test_boards_that_can_do_it_are_asked_for(
    new: NewRequest, selector: str, world: DictWorld
) -> None:
    request = world.apply(requests.create(world, LOCAL_ADMIN, new, NOW))
    assert request.selector == selector
    assert str(parse(selector)) == selector
    assert requests.draft(LOCAL_ADMIN, new).selector == selector
    assert with_demands(selector, new) == selector, "to ask once more asks for no more"


def test_they_are_still_asked_for_when_the_selector_is_changed(world: DictWorld) -> None:
    request = world.apply(requests.create(world, LOCAL_ADMIN, wish(URL), NOW))
    for changed, selector in (
        ("ram >= 2", "ram >= 2, tool.image = yes"),
        ("", "tool.image = yes"),
    ):
        change = RequestUpdate(selector=changed)
        world.apply(requests.update(world, request.id, change, NOW))
        assert world.requests[request.id].selector == selector
    world.apply(requests.update(world, request.id, RequestUpdate(caps={"a": "b"}), NOW))
    assert world.requests[request.id].selector == "tool.image = yes"


def test_a_selector_that_refuses_such_boards_contradicts_it(world: DictWorld) -> None:
    with pytest.raises(SelectorError, match="contradicts"):
        requests.create(world, LOCAL_ADMIN, wish(URL, selector="!tool.image"), NOW)


def test_what_is_asked_for_counts_among_what_a_request_may_hold(world: DictWorld) -> None:
    small = world.apply(requests.create(world, LOCAL_ADMIN, wish(selector="ram >= 2"), NOW))
    large = wish(URL, None, "login:", "ram >= 2")
    request = world.apply(requests.create(world, LOCAL_ADMIN, large, NOW))
    extra = len(URL) + len("login:") + len(", tool.boot = yes, tool.image = yes")
    assert request.size == small.size + extra
    with pytest.raises(BorutaError, match="at most 2000"):
        requests.draft(LOCAL_ADMIN, wish("https://images.example/" + "a" * 2000))
