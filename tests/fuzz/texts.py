"""Targets: what people write, from selectors to the addresses of webhooks."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

from boruta_farm.cli import moments
from boruta_farm.core import sshkeys
from boruta_farm.dryad.images import addresses as prefixes
from boruta_farm.model import token, webhook
from boruta_farm.model.errors import (
    AmbiguousWorkerError,
    ConfigError,
    SelectorError,
    SSHKeyError,
    WantError,
    WorkerNotFoundError,
)
from boruta_farm.selectors import conditions, numbers, parser, selector, simplify, want, wanted
from boruta_farm.settings import durations
from boruta_farm.web import headers, times
from boruta_farm.words.durations import duration
from tests.fuzz.target import Target, promise, text_of
from tests.store.making import make_worker

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

CAPS = {"arch": "arm64", "ram": "4096", "usb": "2.0, 3.0", "board": "rpi4", "büro": "ja"}

WORKERS = tuple(
    make_worker(number, caps={**CAPS, "UUID": f"u{number}", "ram": str(number)}, name=name)
    for number, name in enumerate(("pi-1", "pi-2", "r42", "any", "a+b"), 1)
)

KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody"


def _selector(data: bytes) -> bool:
    try:
        found = selector.parse(text_of(data))
    except SelectorError:
        return False
    promise(selector.parse(str(found)) == found, f"{found} reads as something else")
    failing = found.failing(CAPS)
    promise(found.matches(CAPS) is not bool(failing), f"{found} holds and fails at once")
    return True


def _want(data: bytes) -> bool:
    try:
        found = want.parse(text_of(data))
    except WantError:
        return False
    promise(want.parse(str(found)) == found, f"{found} reads as something else")
    try:
        meant = wanted.wanted(found, WORKERS)
    except (WorkerNotFoundError, AmbiguousWorkerError):
        return True
    if meant.selector is not None and found.selector is None:
        # What a want is turned into is a selector that the farm can read, if it can be met at all.
        try:
            selector.parse(meant.selector)
        except SelectorError as error:
            promise("contradicts" in str(error), f"{meant.selector} is no selector: {error}")
    return True


def _duration(data: bytes) -> bool:
    try:
        found = durations.parse_duration(text_of(data), least=-durations.LONGEST)
    except ValueError:
        return False
    promise(abs(found) <= durations.LONGEST, f"{found} is longer than any")
    back = durations.parse_duration(duration(found), least=-durations.LONGEST)
    promise(back == found, f"{found} reads as {back}")
    return True


def _time(data: bytes) -> bool:
    try:
        found = times.parse_time(text_of(data))
    except ValueError:
        return False
    if found is not None:
        promise(found.utcoffset() == timedelta(), f"{found} is not in UTC")
        promise(times.parse_time(times.format_time(found)) == found, f"{found} reads otherwise")
    return True


def _moment(data: bytes) -> bool:
    try:
        found = moments.parse_moment(text_of(data), NOW)
    except ValueError:
        return False
    promise(found.at.utcoffset() == timedelta(), f"{found} is not in UTC")
    return True


def _token(data: bytes) -> bool:
    text = text_of(data)
    number = token.token_id(text)
    promise(number is None or f"_{number}_" in text, f"{number} is not in the token")
    token.matches(text, token.digest_of(text))
    headers.presented(data.decode("latin-1"))
    concealed = token.conceal(text)
    promise(token.conceal(concealed) == concealed, "what is concealed holds a secret")
    try:
        sent = token.check_token(text, "here")
    except ConfigError as error:
        promise(len(text) < 12 or text not in str(error), "a refusal repeats the token")
        return False
    promise(token.check_token(sent, "here") == sent, "a token is no token")
    return True


def _ssh_key(data: bytes) -> bool:
    try:
        found = sshkeys.board_key(text_of(data))
    except SSHKeyError:
        return False
    kind, blob = found.split(" ")
    promise(kind in sshkeys.KINDS, f"{kind} is no kind of key")
    base64.b64decode(blob, validate=True)
    promise(sshkeys.board_key(found) == found, "a key reads as something else")
    return True


def _webhook(data: bytes) -> bool:
    text = text_of(data)
    with contextlib.suppress(ValueError):
        webhook.read_secret(text)
    return webhook.fault_of(text) is None


def _prefix(data: bytes) -> bool:
    first, _, second = text_of(data).partition("\n")
    allowed = prefixes.is_allowed(first, (second,))
    if allowed:
        promise(".." not in first.split("/"), f"{first} leads out of {second}")
    return allowed


TARGETS = (
    Target(
        name="selector",
        look=_selector,
        examples=(
            b"arch = arm64, ram >= 2048, !broken",
            b"board in (rpi4, rpi5), usb has 3.0",
            b'ram 2048..8192, name not in ("a, b", "c d")',
            "büro = ja".encode(),
            b"",
        ),
        odd=(b"a = ", b"ram >= many", b"((((", b"a in (", b"\xff = 1", b"a = b, a = c"),
        modules=(conditions, numbers, parser, selector, simplify),
    ),
    Target(
        name="want",
        look=_want,
        examples=(
            b"any",
            b"rpi4+gpu",
            b"r42",
            b"0.0.1.2",
            b"board=rpi4+!broken",
            b"ram.ge.4",
            b"usb.has.3.0",
            b"board!=rpi4+ram.lt.10.5",
            b"ram >= 4, arch = arm64",
        ),
        odd=(b"", b"+", b"=", b"a\0b", b"ram.ge.x", b"!", b"\xed\xa0\x80"),
        modules=(want, wanted),
    ),
    Target(
        name="duration",
        look=_duration,
        examples=(b"90s", b"1h 30m", b"2h30", b"1.5d", b"1m0.5s", b"-3us", b"0", b"17ns"),
        odd=(b"", b"5", b"9" * 200 + b"d", b"1x", "3µ".encode()),
        modules=(durations,),
    ),
    Target(
        name="time",
        look=_time,
        examples=(
            b"2026-01-31T18:30:00Z",
            b"2026-01-31T18:30:00.123456789+05:30",
            b"0001-01-01T00:00:00Z",
            b"9999-12-31T23:59:59.9Z",
        ),
        odd=(b"", b"2026-13-01T00:00:00Z", b"0001-01-01T00:00:00+23:59", b"now"),
        modules=(times,),
    ),
    Target(
        name="moment",
        look=_moment,
        examples=(b"18:00", b"tomorrow 9:00", b"today 23:59:59", b"2026-01-31T18:30", b"2h"),
        odd=(b"25:00", b"0001-01-01", b"9999-12-31T23:59", b"36500d", b"tomorrow"),
        modules=(moments, durations),
    ),
    Target(
        name="token",
        look=_token,
        examples=(
            b"boruta_p_17ab_" + b"x" * 43,
            b"boruta_a_9_short",
        ),
        odd=(
            b"Bearer boruta_p_17ab_xyz",
            b"Basic " + base64.b64encode(b"me:boruta_a_1_z"),
            *(b"", b"boruta_", b"boruta_p__", b'"boruta_p_1_x"', b"Basic ====", b"\xff"),
        ),
        modules=(token, headers),
    ),
    Target(
        name="ssh-key",
        look=_ssh_key,
        examples=(KEY, KEY.rpartition(b" ")[0]),
        odd=(b"", b"ssh-ed25519", b"ssh-rsa AAAA", b"no-pty " + KEY, KEY + b"\n" + KEY),
        modules=(sshkeys,),
    ),
    Target(
        name="webhook",
        look=_webhook,
        examples=(
            b"https://example.org/hook?a=b",
            b"http://192.0.2.7:8080/x",
            b"https://[2001:db8::1]/",
        ),
        odd=(b"", b"https://", b"https://[::1", b"https://me:pw@h/", b"whsec_AAAA", b"ftp://h/"),
        modules=(webhook,),
    ),
    Target(
        name="prefix",
        look=_prefix,
        examples=(b"https://h/images/a.img\nhttps://h/images/", b"http://h:8080/x\nhttp://h:8080/"),
        odd=(b"https://h/images/%2e%2e/a\nhttps://h/images/", b"https://h\\@x/\nhttps://h/", b"\n"),
        modules=(prefixes,),
    ),
)
