"""Targets: what comes over wires, from boards, relays, sessions and consoles; HTTP's bodies."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import Callable
from itertools import pairwise
from typing import Any, get_args

from cryptography.exceptions import InvalidSignature

from boruta_farm.access import messages as relay_messages
from boruta_farm.access import revocations, ssh_blobs, user_certificates
from boruta_farm.dryad.dut import frames as tool_frames
from boruta_farm.dryad.tools import wire as tool_wire
from boruta_farm.dryad.tools.console import rfc2217_port
from boruta_farm.gorpc import binding, decoder, keys, parser, primitives, rpc, schema, types
from boruta_farm.link import failures, fields, frames, messages
from boruta_farm.model.errors import ProtocolError
from boruta_farm.web import bodies, requests, tolerance, workers
from boruta_farm.web.errors import MalformedBodyError, MissingBodyError
from tests.fuzz.target import Target, promise, text_of
from tests.gorpc import captures
from tests.gorpc.torture import read_everything


def _gob(data: bytes) -> bool:
    return bool(read_everything(data, 1 + len(data) // 3))


def _link(data: bytes) -> bool:
    try:
        found = frames.decode(text_of(data))
    except failures.FrameError:
        return False
    content = found.params if isinstance(found, frames.IncomingCall) else found.result
    for kind in get_args(messages.Message):
        try:
            message = messages.read(kind, content)
        except ProtocolError as error:
            promise(len(str(error)) < 1000, "a refusal repeats what was sent")
            continue
        again = json.loads(json.dumps(messages.write(message)))
        promise(messages.read(kind, again) == message, f"{kind} reads otherwise")
    return True


def _relay(data: bytes) -> bool:
    try:
        message = relay_messages.decode(data)
        for read in (relay_messages.RouteEntry.read, relay_messages.TunnelBounds.read):
            with contextlib.suppress(ProtocolError):
                read(message)
    except ProtocolError:
        return False
    return True


def packed(*parts: bytes) -> bytes:
    """Return strings as SSH writes them one after the other (RFC 4251)."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


AUTHORITY = packed(b"ssh-ed25519", bytes(range(32)))
CERTIFICATE = b"".join(
    (
        packed(b"ssh-ed25519-cert-v01@openssh.com", b"nonce", bytes(range(32, 64))),
        (7).to_bytes(8, "big") + (1).to_bytes(4, "big"),
        packed(b"ann-laptop", packed(b"ann")),
        (0).to_bytes(8, "big") + (1 << 40).to_bytes(8, "big"),
        packed(packed(b"source-address", packed(b"192.0.2.0/24")), b"", b"", AUTHORITY),
        packed(packed(b"ssh-ed25519", bytes(64))),
    )
)
"""One that nobody has signed."""
SERIALS = b"\x20" + packed((7).to_bytes(8, "big")) + b"\x22" + packed(bytes(8) + packed(b"\5"))
REVOKED = b"".join(
    (
        revocations.MAGIC + (1).to_bytes(4, "big") + bytes(24) + packed(b"", b""),
        b"\1" + packed(packed(AUTHORITY, b"") + SERIALS + b"\x23" + packed(packed(b"ann-laptop"))),
        b"\2" + packed(packed(AUTHORITY)) + b"\5" + packed(packed(bytes(32))),
    )
)


def _certificate(data: bytes) -> bool:
    """Judge what claims to be somebody's certificate; none of these is signed."""
    try:
        kind = ssh_blobs.BlobReader(data).string()
        line = f"{kind.decode()} {base64.b64encode(data).decode()}"
        found = user_certificates.read_certificate(line)
    except ValueError:
        return False
    if found is None:
        return False
    with contextlib.suppress(InvalidSignature, ValueError):
        found.see_signature()
        promise(False, "what nobody has signed counts as signed")
    return True


def _revocations(data: bytes) -> bool:
    try:
        found = revocations.read_revocations(data)
    except ValueError:
        return False
    line = f"ssh-ed25519-cert-v01@openssh.com {base64.b64encode(CERTIFICATE).decode()}"
    made = user_certificates.read_certificate(line)
    assert made is not None
    found.hold(made)
    return True


def _tools(data: bytes) -> bool:
    """Send bytes as a session may, and read them as the agent does: a call, then its data."""

    async def serve() -> bool:
        ours, theirs = socket.socketpair()
        # What does not fit into the socket's memory is cut off, as by a caller that dies.
        theirs.setblocking(False)
        with theirs, contextlib.suppress(BlockingIOError):
            theirs.send(data)
            theirs.shutdown(socket.SHUT_WR)
        wire = tool_wire.DutWire(ours)
        try:
            await wire.read_call()
            while await wire.read_data():
                pass
        except (tool_frames.DutFrameError, ConnectionError):
            return False
        finally:
            await wire.abort()
        return True

    return asyncio.run(asyncio.wait_for(serve(), 10))


def _console(data: bytes) -> bool:
    """Read a console's bytes at once and in pieces, which must say the same."""
    found: list[tuple[bytes, bytes, bool, bool] | None] = []
    for places in ((0, len(data)), (0, *range(1, len(data), 1 + len(data) // 7), len(data))):
        telnet = rfc2217_port.Telnet()
        try:
            plain = b"".join(telnet.feed(data[a:b]) for a, b in pairwise(places))
        except OSError:
            found.append(None)
            continue
        promise(len(telnet.answer) <= 3 * 1024, "little is answered with much")
        found.append((plain, bytes(telnet.answer), telnet.agreed, telnet.refused))
    promise(found[0] == found[1], "pieces change what a console says")
    escaped = rfc2217_port.Telnet().feed(data.replace(b"\xff", b"\xff\xff"))
    promise(escaped == data, "a console's own bytes are taken for commands")
    return found[0] is not None


def _body(reader: bodies.Reader[Any]) -> Callable[[bytes], bool]:
    def look(data: bytes) -> bool:
        try:
            reader.read(data)
        except (MalformedBodyError, MissingBodyError):
            return False
        return True

    return look


def _bodies(data: bytes) -> bool:
    taken = [
        _body(reader)(data)
        for reader in (
            *(requests.REQUEST_BODY, requests.REQUEST_LIST, requests.MORE_TIME_BODY),
            *(workers.WORKER_LIST, workers.STATE_BODY, workers.GROUPS_BODY, workers.NAME_BODY),
        )
    ]
    return any(taken)


STREAMS = [
    data
    for name in captures.NAMES
    for data in (captures.load(name).requests, captures.load(name).replies)
]

CALL = tool_frames.pack_words(tool_frames.CALL, {"act": "power", "words": ["on"]})

TARGETS = (
    Target(
        name="gob",
        look=_gob,
        examples=STREAMS,
        odd=(b"", b"\xff" * 20),
        modules=(binding, decoder, keys, parser, primitives, rpc, schema, types),
    ),
    Target(
        name="link",
        look=_link,
        examples=(
            b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"version":1,"oldest":1,'
            b'"caps":{"UUID":"u"},"dryad_address":":7175","ssh_address":":22","epoch":4}}',
            b'{"jsonrpc":"2.0","id":1,"result":{"epoch":3,"seq":1,"left":3.5,"timeout":60}}',
            b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x","data":{"code":"y"}}}',
        ),
        odd=(b"", b"[]", b"[" * 5000, b'{"jsonrpc":"2.0","method":"x","params":{"epoch":1e999}}'),
        modules=(failures, fields, frames, messages),
    ),
    Target(
        name="relay",
        look=_relay,
        examples=(
            relay_messages.RouteEntry(
                worker="w", port=23000, host="h", target=22, epoch=1, cut_in=2.5
            ).line("route"),
            relay_messages.encode("bounds", **relay_messages.USUAL.fields()),
        ),
        odd=(b"", b"{}", b"[" * 5000, b'{"type":"x","port":1e999}', b"\xff"),
        modules=(relay_messages,),
    ),
    Target(
        name="certificate",
        look=_certificate,
        examples=(CERTIFICATE,),
        odd=(b"", AUTHORITY, CERTIFICATE[:-1], CERTIFICATE + b"\0", b"\xff" * 9),
        modules=(user_certificates, ssh_blobs),
    ),
    Target(
        name="revocations",
        look=_revocations,
        examples=(REVOKED, b"serial: 1-0x10\nid: ann\n", b"# nobody\n"),
        odd=(REVOKED[:-1], b"serial: " + b"9" * 5000, b"hash: SHA256:x", b"key: \xff", b"id"),
        modules=(revocations, ssh_blobs),
    ),
    Target(
        name="tools",
        look=_tools,
        examples=(
            CALL + tool_frames.pack(tool_frames.DATA, b"abc") + tool_frames.pack(tool_frames.END),
        ),
        odd=(b"", CALL, b"X" + CALL, tool_frames.pack(tool_frames.CALL, b"[" * 5000), b"C\xff\xff"),
        modules=(tool_wire, tool_frames),
    ),
    Target(
        name="console",
        look=_console,
        examples=(
            b"login: \xff\xfb\x2c\xff\xfd\x00root\xff\xff",
            b"\xff\xfa\x2c\x65\x00\xff\xff\x01\xff\xf0# ",
        ),
        odd=(b"\xff\xfa" + b"x" * 2000, b"\xff", b"\xff\xfb"),
        modules=(rfc2217_port,),
    ),
    Target(
        name="bodies",
        look=_bodies,
        examples=(
            b'{"Caps":{"a":"b"},"Priority":8,"Deadline":"2026-01-31T18:30:00Z","Selector":"ram>4"}',
            b'{"Filter":{"States":["WAITING"],"Priorities":"AQI="},"Paginator":{"Limit":5}}',
            b'{"caps":{"a":"b"},"PRIORITY":8} trailing',
            b'["lab"]',
            b'{"WorkerState":"IDLE"}',
            b"null",
        ),
        odd=(b"", b"[" * 5000, b'{"Priority":1e400}', b'{"Caps":{"\\ud800":"x"}}', b"\xff"),
        modules=(bodies, tolerance),
    ),
)
