from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.dryad.stm.reply import Ending, Reply, ReplyParser, is_sendable

ENDINGS = st.sampled_from(list(Ending))
COMMANDS = st.sampled_from(["version", "power tick 1000", "led 1 0 0 0", "echo off", "current"])
# Values that are none of the other things a line can be.
VALUES = st.from_regex(r"[a-z0-9]{1,20}: [0-9]{1,5}", fullmatch=True).filter(
    lambda value: not value.endswith(("pressed: 1", "pressed: 2"))
)
KEYS = st.sampled_from([b"pressed: 1\r\n", b"pressed: 2\r\n"])


def parse(command: str, data: bytes) -> Reply | None:
    parser = ReplyParser()
    parser.begin(command)
    return parser.feed(data)


def parse_pieces(command: str, pieces: list[bytes]) -> Reply | None:
    parser = ReplyParser()
    parser.begin(command)
    for piece in pieces:
        reply = parser.feed(piece)
        if reply is not None:
            return reply
    return None


def spoken(command: str, values: list[str], ending: Ending, echo: bool) -> bytes:
    repeated = f"{command}\n\r" if echo else ""
    return (repeated + "".join(f"{line}\r\n" for line in [*values, ending])).encode()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(COMMANDS, st.lists(VALUES, max_size=6), ENDINGS, st.booleans(), st.lists(st.integers(0)))
def test_a_reply_is_read_in_both_worlds_and_in_any_pieces(
    command: str, values: list[str], ending: Ending, echo: bool, places: list[int]
) -> None:
    data = spoken(command, values, ending, echo)
    assert parse_pieces(command, cut(data, places)) == Reply(ending=ending, values=tuple(values))


@given(
    COMMANDS,
    st.lists(VALUES, max_size=4),
    ENDINGS,
    st.booleans(),
    st.lists(st.tuples(st.integers(0), KEYS), max_size=4),
    st.lists(st.integers(0), max_size=4),
)
def test_keys_may_be_pressed_at_any_moment_of_a_reply(
    command: str,
    values: list[str],
    ending: Ending,
    echo: bool,
    presses: list[tuple[int, bytes]],
    places: list[int],
) -> None:
    repeated = f"{command}\n\r".encode() if echo else b""
    data = b"".join(f"{line}\r\n".encode() for line in [*values, ending])
    # The firmware says a key in one go, but between any two characters of what else it says;
    # the echo is said while the command is still being read.
    for place, key in presses:
        at = place % len(data)
        if b"pressed" in data[max(0, at - 12) : at + 12]:
            continue
        data = data[:at] + key + data[at:]
    reply = parse_pieces(command, cut(repeated + data, places))
    assert reply == Reply(ending=ending, values=tuple(values))


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_noise_neither_raises_nor_fills_memory(pieces: list[bytes]) -> None:
    parser = ReplyParser()
    parser.begin("version")
    for piece in pieces:
        parser.feed(piece)
    assert len(parser._buffer) <= 4096
    assert len(parser._values) <= 256


def test_lines_without_an_end_are_forgotten() -> None:
    parser = ReplyParser()
    parser.begin("version")
    assert parser.feed(b"x" * 100_000) is None
    assert len(parser._buffer) == 1024
    assert parser.feed(b"\r\nMuxPi firmware v1.0\r\nOK\r\n") is not None


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("card", ["ts", "dut", "invalid"])
@pytest.mark.parametrize("repeated", ["", "mux\n\r"])
def test_the_card_has_no_line_of_its_own(ending: Ending, card: str, repeated: str) -> None:
    assert parse("mux", f"{repeated}{card}{ending}\r\n".encode()) == Reply(
        ending=ending, values=(card,)
    )


def test_the_card_may_have_a_line_of_its_own_all_the_same() -> None:
    assert parse("mux", b"dut\r\nOK\r\n") == Reply(ending=Ending.OK, values=("dut",))


def test_only_the_bare_mux_is_read_like_that() -> None:
    assert parse("power", b"tsOK\r\nOK\r\n") == Reply(ending=Ending.OK, values=("tsOK",))


def test_a_key_may_cut_the_card_in_two() -> None:
    assert parse("mux", b"tspressed: 1\r\nOK\r\n") == Reply(ending=Ending.OK, values=("ts",))


def test_the_state_of_a_key_is_no_report() -> None:
    assert parse("key", b"key1: pressed\r\nkey2: released\r\nOK\r\n") == Reply(
        ending=Ending.OK, values=("key1: pressed", "key2: released")
    )


def test_a_text_may_look_like_a_key() -> None:
    command = "text 0 0 on pressed: 1"
    assert parse(command, f"{command}\n\rOK\r\n".encode()) == Reply(ending=Ending.OK)


def test_the_command_is_dropped_once_only() -> None:
    assert parse("ts", b"ts\n\rts\r\nOK\r\n") == Reply(ending=Ending.OK, values=("ts",))


def test_what_came_before_the_command_is_dropped() -> None:
    parser = ReplyParser()
    parser.begin("power")
    assert parser.feed(b"on\r\nOK\r\nleft over\r\nhalf") is not None
    parser.begin("mux", b" a line\r\nOK\r\nanother ha")
    assert parser.feed(b"dutOK\r\n") == Reply(ending=Ending.OK, values=("dut",))


def test_a_key_that_is_half_said_when_the_command_goes_out_is_no_value() -> None:
    parser = ReplyParser()
    parser.begin("power", b"OK\r\npres")
    assert parser.feed(b"sed: 2\r\npower\n\ron\r\nOK\r\n") == Reply(
        ending=Ending.OK, values=("on",)
    )


@given(st.text(max_size=80))
def test_what_is_sent_is_one_command_as_the_chip_reads_it(command: str) -> None:
    if is_sendable(command):
        assert command.isascii()
        assert command.isprintable()
        assert len(command) <= 64
        assert command.split() == command.split(" ")
        assert 1 <= len(command.split()) <= 10


@pytest.mark.parametrize(
    ("command", "sendable"),
    [
        ("text 0 0 on " + "x" * 52, True),
        ("text 0 0 on " + "x" * 53, False),
        ("1 2 3 4 5 6 7 8 9 10", True),
        ("1 2 3 4 5 6 7 8 9 10 11", False),
        ("", False),
        ("power off\nts", False),
        ("power  off", False),
        ("power\toff", False),
        ("text 0 0 on Gerät", False),
        ("power off\x7f", False),
    ],
)
def test_commands_that_the_chip_would_cut_are_known(command: str, sendable: bool) -> None:
    assert is_sendable(command) is sendable
