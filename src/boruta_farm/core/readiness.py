"""What a request may ask to be done to a board before its hand-over, and what that asks of it."""

import re
import warnings
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from boruta_farm.model.errors import ReadinessError
from boruta_farm.model.readiness import (
    BOOT_CAPABILITY,
    DIGEST_MARK,
    IMAGE_CAPABILITY,
    LONGEST_IMAGE,
    LONGEST_PATTERN,
    LONGEST_STORAGE,
)
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.selectors.selector import parse

_DIGEST: Final = re.compile("[0-9a-fA-F]{64}")
_STORAGE: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST_STORAGE - 1}}}")


def _checked_image(image: str | None) -> str | None:
    """Return an image's address as it is kept, its sum in lower case. Raises ReadinessError.

    Everybody who sees the request sees the address, so it must not hold a secret.
    """
    if not image:
        return None
    if len(image) > LONGEST_IMAGE:
        raise ReadinessError(f"Image: an address may have at most {LONGEST_IMAGE} characters")
    address, mark, digest = image.partition(DIGEST_MARK)
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not address.isascii() or not address.isprintable() or {" ", "\\"} & set(address):
        raise ReadinessError(
            f"Image: {address[:80]!r} is no web address; give one like "
            f"https://images.example/board.img.zst{DIGEST_MARK}..."
        )
    if "@" in parts.netloc or parts.query:
        raise ReadinessError(
            "Image: the address must hold neither user nor query, since whoever sees the request "
            "sees it; serve the image at a plain address that the board's image_urls allow"
        )
    if (mark and not _DIGEST.fullmatch(digest)) or parts.fragment:
        raise ReadinessError(
            f"Image: behind # stands sha256= and its 64 hexadecimal digits, or nothing: {image!r}"
        )
    return f"{address}{mark}{digest.lower()}"


def _checked_storage(storage: str | None, image: str | None) -> str | None:
    """Return which storage is to be flashed, None for the only one. Raises ReadinessError."""
    if not storage:
        return None
    if image is None:
        raise ReadinessError("Storage says where an Image goes; name an Image as well")
    if not _STORAGE.fullmatch(storage):
        raise ReadinessError(
            f"Storage: {storage[:40]!r} cannot be a tool's name; 'boruta workers NAME' shows what "
            "a board's tools are called"
        )
    return storage


def _checked_pattern(pattern: str | None) -> str | None:
    """Return the pattern of a prompt, which is only read here. Raises ReadinessError."""
    if not pattern:
        return None
    if len(pattern) > LONGEST_PATTERN:
        raise ReadinessError(f"BootUntil: a pattern may have at most {LONGEST_PATTERN} characters")
    if not pattern.isprintable():
        raise ReadinessError(
            "BootUntil: a pattern is one line of visible characters; write others as \\n or \\x1b"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern.encode(), re.MULTILINE)
    except (re.error, RecursionError, OverflowError, UnicodeEncodeError) as error:
        raise ReadinessError(
            f"BootUntil: {pattern[:80]!r} is no regular expression: {error}"
        ) from None
    return pattern


def with_readiness(new: NewRequest) -> NewRequest:
    """Return a new request whose image, storage and pattern are as they are kept.

    Raises ReadinessError.
    """
    if new.image is None and new.storage is None and new.boot_until is None:
        return new
    image = _checked_image(new.image)
    return replace(
        new,
        image=image,
        storage=_checked_storage(new.storage, image),
        boot_until=_checked_pattern(new.boot_until),
    )


def with_demands(selector: str | None, wanted: NewRequest | Request) -> str | None:
    """Return a selector that also asks for what flashing and booting take, in canonical form.

    Only agents that can do it tell these capabilities, so no board is granted that cannot. Raises
    SelectorError where the selector refuses such boards.
    """
    needs = []
    if wanted.image:
        name = f".{wanted.storage}" if wanted.storage else ""
        needs.append(f"{IMAGE_CAPABILITY}{name}=yes")
    if wanted.boot_until:
        needs.append(f"{BOOT_CAPABILITY}=yes")
    if not needs:
        return selector
    return str(parse(", ".join([selector, *needs] if selector else needs)))
