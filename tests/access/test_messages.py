import json

import pytest

from boruta_farm.access.messages import PUT, RouteEntry, decode, encode
from boruta_farm.model.errors import ProtocolError

LIVE = RouteEntry(worker="w", port=20000, host="10.0.0.7", target=22, epoch=3, cut_in=60.5)


@pytest.mark.parametrize("entry", [LIVE, RouteEntry(worker="w", port=20000, host="::1", target=22)])
def test_an_entry_survives_its_line(entry: RouteEntry) -> None:
    line = entry.line(PUT)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    message = decode(line)
    assert message.kind == PUT
    assert RouteEntry.read(message) == entry


def test_words_with_line_ends_stay_on_one_line() -> None:
    assert encode("bind-failed", reason="a\nb").count(b"\n") == 1


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"oops\n", b"[]\n", b"{}\n", b'{"type": 1}\n', b"\xff", b"[" * 100_000]
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


@pytest.mark.parametrize(
    "change",
    [
        {"worker": 1},
        {"port": "20000"},
        {"port": True},
        {"port": -1},
        {"port": 65536},
        {"target": 65536},
        {"target": None},
        {"host": None},
        {"epoch": "3"},
        {"epoch": None},
        {"cut_in": None},
        {"cut_in": "soon"},
        {"cut_in": True},
    ],
)
def test_mistyped_fields_are_refused(change: dict[str, object]) -> None:
    fields = json.loads(LIVE.line(PUT)) | change
    with pytest.raises(ProtocolError):
        RouteEntry.read(decode(json.dumps(fields).encode()))


def test_a_switch_is_true_or_false() -> None:
    assert decode(encode("hello", draining=True)).switch("draining")
    with pytest.raises(ProtocolError, match="draining"):
        decode(encode("hello", draining=1)).switch("draining")


def test_ports_are_numbers_with_commas_between() -> None:
    assert decode(encode("sessions", ports="22,65535")).ports("ports") == {22, 65535}
    assert decode(encode("sessions", ports="")).ports("ports") == frozenset()
    for wrong in ("22;23", "-1", "123456", "\u0663", None):
        with pytest.raises(ProtocolError, match="ports"):
            decode(encode("sessions", ports=wrong)).ports("ports")
