import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.link.messages import (
    AtEpoch,
    Cleaned,
    ConsolePart,
    Counted,
    Extension,
    Failure,
    Goodbye,
    Heartbeat,
    Hello,
    HostCertificate,
    JobStart,
    KeySet,
    Maintenance,
    Message,
    Nothing,
    OpenStream,
    Preparation,
    Recycled,
    SessionInfo,
    Welcome,
    read,
    write,
)
from boruta_farm.model.errors import ProtocolError

EXAMPLES: tuple[Message, ...] = (
    Hello(
        version=1,
        oldest=1,
        caps={"UUID": "u", "arch": "ärm"},
        dryad_address=":7175",
        ssh_address=":22",
        name="pi",
        epoch=4,
        boot_id="b",
        farm_id="f",
        facts={"Load": "0.10"},
        reach="auto",
        local_ip="10.0.0.7",
        many_keys=True,
    ),
    KeySet(epoch=4, sequence=2, keys=("ssh-ed25519 A",), staying=("ssh-ed25519 B",)),
    KeySet(epoch=4, sequence=3, keys=()),
    HostCertificate(epoch=4, certificate="ssh-ed25519-cert-v01@openssh.com AAAA"),
    Counted(sessions=("2 ssh-ed25519 A", "1")),
    OpenStream(epoch=4, token="t" * 43, port=8488),
    OpenStream(epoch=4, token="t" * 43, port=0),
    Hello(version=1, oldest=1, caps={}, dryad_address="", ssh_address=":22", epoch=0, boot_id="b"),
    Welcome(version=1, uuid="u", farm_id="f", epoch=4, heartbeat=5.0),
    Heartbeat(sequence=1, ready=False),
    Failure(uuid="u", reason="no power"),
    AtEpoch(epoch=4),
    Cleaned(epoch=4, found=("1 process: sleep", "home")),
    Recycled(found=("home",), username="boruta-user", host_key="ssh-ed25519 HOST"),
    Preparation(epoch=4, key="ssh-ed25519 AAAA"),
    SessionInfo(username="boruta-user", host_key="ssh-ed25519 HOST"),
    SessionInfo(username="boruta-user"),
    JobStart(epoch=4, heartbeat=9, after=3600.5, key=None),
    Extension(epoch=4, sequence=2, heartbeat=9, after=-1.5),
    Maintenance(message="maintenance"),
    Goodbye(reason="bye", later=True),
    Nothing(),
)
KINDS = sorted({type(example) for example in EXAMPLES}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_goes_there_and_back(message: Message) -> None:
    content = json.loads(json.dumps(write(message)))
    assert read(type(message), content) == message


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (AtEpoch, {}, "AtEpoch: epoch is missing"),
        (AtEpoch, {"epoch": -1}, "epoch must be a whole number"),
        (AtEpoch, {"epoch": True}, "epoch must be a whole number"),
        (AtEpoch, {"epoch": 2**60}, "epoch must be a whole number"),
        (AtEpoch, {"epoch": "1"}, "epoch must be a whole number"),
        (Heartbeat, {"sequence": 1, "ready": 1}, "ready must be true or false"),
        (Heartbeat, {"sequence": 0, "ready": True}, "sequence must be a whole number from 1"),
        (OpenStream, {"epoch": 1, "token": "t" * 16, "port": 65536}, "port must be a whole number"),
        (Preparation, {"epoch": 1, "key": ""}, "key must be a text of 1"),
        (Maintenance, {"message": "a\0"}, "message must not contain NUL"),
        (Maintenance, {"message": "\ud800"}, "half of a character"),
        (Cleaned, {"epoch": 1, "found": "x"}, "found must be a list"),
        (Cleaned, {"epoch": 1, "found": ["x"] * 101}, "found must be a list of at most 100"),
        (Extension, {"epoch": 1, "sequence": 1, "heartbeat": 1, "after": "soon"}, "after must be"),
        (Extension, {"epoch": 1, "sequence": 1, "heartbeat": 1, "after": 1e300}, "ten years"),
    ],
)
def test_a_wrong_field_is_named(
    kind: type[Message], content: dict[str, object], words: str
) -> None:
    with pytest.raises(ProtocolError, match=words):
        read(kind, content)


def test_keys_of_a_newer_version_are_left_alone() -> None:
    assert read(AtEpoch, {"epoch": 3, "mood": "sunny"}) == AtEpoch(epoch=3)


def test_keys_are_not_shown() -> None:
    assert "AAAA" not in repr(Preparation(epoch=4, key="ssh-ed25519 AAAA"))


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(["epoch", "key", "caps", "after", "found", "ready", "sequence", "version"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
    ),
)
def test_any_content_is_read_or_refused(kind: type[Message], content: dict[str, object]) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(read(kind, content), kind)


@pytest.mark.parametrize("name", ["", 'a"b', "a\r\nSet-Cookie: x=y", "../uart", "Uart", "a" * 32])
def test_a_console_is_called_as_a_tool_is(name: str) -> None:
    """Its name becomes part of a header's value, and of a file's name for whoever saves it."""
    part = {"epoch": 1, "sequence": 0, "count": 1, "content": ""}
    assert read(ConsolePart, {**part, "console": "uart-0_a"}).console == "uart-0_a"
    with pytest.raises(ProtocolError, match="console"):
        read(ConsolePart, {**part, "console": name})
