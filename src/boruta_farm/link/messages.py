"""Every message of the link: what its calls carry and answer, read strictly.

The agent calls ``register``, ``heartbeat``, ``renew``, ``set_fail``, ``ended``, ``describe`` and,
from version 3 on, ``console``; one that tells the capabilities of ``model.readiness`` also
``progressed``, ``readied`` and ``unready``, and is called ``ready``. The server calls ``clean``,
``prepare``, ``grant``, ``extend``, ``end``, ``put_in_maintenance``, ``healthcheck``, from version 3
on ``set_keys`` and ``sessions``, from version 4 on ``recycle``, and ``ping`` and ``certify`` (which
older agents answer by saying that they know no such call), and says ``goodbye`` before it closes
a link.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import TypeVar

from boruta_farm.link.failures import LONGEST_TEXT
from boruta_farm.link.fields import (
    LARGEST_NUMBER,
    by,
    flag,
    numbers,
    optional,
    seconds,
    table,
    text,
    texts,
    whole,
    word,
)
from boruta_farm.link.frames import JsonObject
from boruta_farm.model.console import CONSOLE, LONGEST_CHUNK, MOST_CHUNKS
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.readiness import (
    LONGEST_IMAGE,
    LONGEST_LINE,
    LONGEST_PATTERN,
    LONGEST_PROGRESS,
    LONGEST_STORAGE,
    MOST_LINES,
)

LONGEST_KEY = 16384
KEY = text(LONGEST_KEY, 1)
LONGEST_CERTIFICATE = 256 * 1024
"""With as many names as OpenSSH reads, each as long as a host's may be."""
MOST_KEYS = 512
WORDS = text(LONGEST_TEXT)
MAX_FOUND = 100
LONGEST_FOUND = 400
LONGEST_FACT = 400
MOST_FACTS = 64
MOST_SESSIONS = 1024
FACTS = table(MOST_FACTS, LONGEST_FACT)


class Method(StrEnum):
    """Names of the calls."""

    REGISTER = "register"
    RECOGNISE = "recognise"
    HEARTBEAT = "heartbeat"
    RENEW = "renew"
    SET_FAIL = "set_fail"
    ENDED = "ended"
    DESCRIBE = "describe"
    CONSOLE = "console"
    PROGRESSED = "progressed"
    READIED = "readied"
    UNREADY = "unready"
    CLEAN = "clean"
    PREPARE = "prepare"
    RECYCLE = "recycle"
    READY = "ready"
    GRANT = "grant"
    EXTEND = "extend"
    SET_KEYS = "set_keys"
    SESSIONS = "sessions"
    CERTIFY = "certify"
    END = "end"
    PUT_IN_MAINTENANCE = "put_in_maintenance"
    HEALTHCHECK = "healthcheck"
    PING = "ping"
    OPEN_STREAM = "open_stream"
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Register a board; ``oldest`` and ``version`` span what its agent can speak.

    Addresses may lack their host. The credential is not here: it came with the connection.
    ``reach`` is how the board wants to be reached, ``local_ip`` from where its agent calls, as it
    sees it; both are absent in agents that open no streams.
    ``join_token`` is the invitation by which a new board enrols. ``many_keys`` tells that its
    sessions take the keys of several people, which the driver decides. ``beside`` tells that this
    agent has a link to another server of the farm, where it has registered.
    """

    version: int = field(metadata=by(whole(1, 2**16)))
    oldest: int = field(metadata=by(whole(1, 2**16)))
    caps: Mapping[str, str] = field(metadata=by(table(1024, 4096)))
    dryad_address: str = field(metadata=by(text(300)))
    ssh_address: str = field(metadata=by(text(300)))
    name: str | None = field(default=None, metadata=by(optional(text(300))))
    epoch: int = field(metadata=by(whole()))
    boot_id: str = field(metadata=by(text(64, 1)))
    farm_id: str | None = field(default=None, metadata=by(optional(text(64))))
    join_token: str | None = field(default=None, metadata=by(optional(text(300))), repr=False)
    facts: Mapping[str, str] | None = field(default=None, metadata=by(optional(FACTS)))
    reach: str | None = field(default=None, metadata=by(optional(text(16))))
    local_ip: str | None = field(default=None, metadata=by(optional(text(100))))
    many_keys: bool = field(default=False, metadata=by(flag))
    beside: bool = field(default=False, metadata=by(flag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Answer a hello: the version to be spoken, and how often to send heartbeats (seconds)."""

    version: int = field(metadata=by(whole(1, 2**16)))
    uuid: str = field(metadata=by(text(300)))
    farm_id: str = field(metadata=by(text(64, 1)))
    epoch: int = field(metadata=by(whole()))
    heartbeat: float = field(metadata=by(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Answer a hello that only asks: whether the board is enrolled, or would be by it."""

    enrolled: bool = field(metadata=by(flag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Tell that the agent lives; until ``ready`` the board is not to be called.

    ``clock`` is what the board's wall clock shows, in milliseconds since 1970; older agents tell
    none.
    ``sessions`` are the far ports of the connections in which somebody is signed in.
    """

    sequence: int = field(metadata=by(whole(1)))
    ready: bool = field(metadata=by(flag))
    clock: int | None = field(default=None, metadata=by(optional(whole(-LARGEST_NUMBER))))
    sessions: tuple[int, ...] | None = field(
        default=None, metadata=by(optional(numbers(MOST_SESSIONS, 65535)))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Answer a heartbeat; ``renew`` asks for a new credential.

    ``ahead`` is by how many seconds the board's clock is ahead of the farm's time, None where that
    is not worth a word.
    """

    renew: bool = field(default=False, metadata=by(flag))
    ahead: float | None = field(default=None, metadata=by(optional(seconds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Announce the hash (SHA-256, hexadecimal) of the credential that comes next."""

    credential: str = field(metadata=by(text(64, 64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Report that a board failed."""

    uuid: str = field(metadata=by(text(300)))
    reason: str = field(metadata=by(WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Tell facts about the board, for people alone."""

    facts: Mapping[str, str] = field(metadata=by(FACTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEpoch:
    """Name the preparation that a call is about.

    For ``clean``, ``sessions``, ``end``, ``ended``, ``readied``.
    """

    epoch: int = field(metadata=by(whole()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolePart:
    """Tell a part of what a console said in an ended job; ``content`` is compressed."""

    epoch: int = field(metadata=by(whole(1)))
    console: str = field(metadata=by(word(CONSOLE)))
    sequence: int = field(metadata=by(whole(0, MOST_CHUNKS - 1)))
    count: int = field(metadata=by(whole(1, MOST_CHUNKS)))
    dropped: int = field(default=0, metadata=by(whole()))
    content: str = field(metadata=by(text(LONGEST_CHUNK)), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Answer a clean-up with what it found."""

    epoch: int = field(metadata=by(whole()))
    found: tuple[str, ...] = field(default=(), metadata=by(texts(MAX_FOUND, LONGEST_FOUND)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Ask for a session whose only key is ``key``."""

    epoch: int = field(metadata=by(whole()))
    key: str = field(metadata=by(KEY), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """Answer a preparation."""

    username: str = field(metadata=by(text(300, 1)))
    host_key: str | None = field(default=None, metadata=by(optional(KEY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycled:
    """Answer a clean-up and the preparation after it."""

    found: tuple[str, ...] = field(default=(), metadata=by(texts(MAX_FOUND, LONGEST_FOUND)))
    username: str = field(metadata=by(text(300, 1)))
    host_key: str | None = field(default=None, metadata=by(optional(KEY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOrder:
    """Ask for the board to be flashed and booted ``within`` so many seconds."""

    epoch: int = field(metadata=by(whole()))
    within: float = field(metadata=by(seconds))
    image: str | None = field(default=None, metadata=by(optional(text(LONGEST_IMAGE, 1))))
    sha256: str | None = field(default=None, metadata=by(optional(text(64, 64))))
    storage: str | None = field(default=None, metadata=by(optional(text(LONGEST_STORAGE, 1))))
    boot_until: str | None = field(default=None, metadata=by(optional(text(LONGEST_PATTERN, 1))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """Tell how far a board has come that is made ready."""

    epoch: int = field(metadata=by(whole()))
    words: str = field(metadata=by(text(LONGEST_PROGRESS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """Tell why a board could not be made ready, and what its console said last."""

    epoch: int = field(metadata=by(whole()))
    reason: str = field(metadata=by(WORDS))
    lines: tuple[str, ...] = field(default=(), metadata=by(texts(MOST_LINES, LONGEST_LINE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStart:
    """Start a job that ends ``after`` seconds from when the agent sent that heartbeat."""

    epoch: int = field(metadata=by(whole()))
    heartbeat: int = field(metadata=by(whole(1)))
    after: float = field(metadata=by(seconds))
    key: str | None = field(default=None, metadata=by(optional(KEY)), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Move a job's end, given as in ``JobStart``."""

    epoch: int = field(metadata=by(whole()))
    sequence: int = field(metadata=by(whole()))
    heartbeat: int = field(metadata=by(whole(1)))
    after: float = field(metadata=by(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """Tell whose keys open a session beside its own; those ``staying`` open nothing new."""

    epoch: int = field(metadata=by(whole()))
    sequence: int = field(metadata=by(whole(1)))
    keys: tuple[str, ...] = field(metadata=by(texts(MOST_KEYS, LONGEST_KEY)), repr=False)
    staying: tuple[str, ...] = field(
        default=(), metadata=by(texts(MOST_KEYS, LONGEST_KEY)), repr=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCertificate:
    """Carry a certificate of the board's host key, for its SSH server to show."""

    epoch: int = field(metadata=by(whole()))
    certificate: str = field(metadata=by(text(LONGEST_CERTIFICATE, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Answer who is there: one text ``number key`` for each key, of unknown ones without a key."""

    sessions: tuple[str, ...] = field(metadata=by(texts(MOST_KEYS, LONGEST_KEY + 20)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStream:
    """Ask for a stream to the relay's ``port``, which opens with the one-time ``token``.

    Neither host nor target is named: the agent connects its own SSH server to its own farm. Port 0
    says that the relay cannot listen at present; then a stream comes to the server's own port.
    """

    epoch: int = field(metadata=by(whole()))
    token: str = field(metadata=by(text(128, 16)), repr=False)
    port: int = field(metadata=by(whole(0, 65535)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Set a board aside."""

    message: str = field(metadata=by(WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """Tell why the link is closed and whether to come back at once or ``later``."""

    reason: str = field(metadata=by(WORDS))
    later: bool = field(default=False, metadata=by(flag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Answer without content; the content of ``healthcheck`` and ``ping``."""


Message = (
    Hello
    | Welcome
    | Recognised
    | Heartbeat
    | Heard
    | Renewal
    | Failure
    | Description
    | AtEpoch
    | ConsolePart
    | Cleaned
    | Preparation
    | SessionInfo
    | Recycled
    | ReadyOrder
    | Progressed
    | Unready
    | JobStart
    | Extension
    | KeySet
    | HostCertificate
    | Counted
    | OpenStream
    | Maintenance
    | Goodbye
    | Nothing
)
Kind = TypeVar("Kind", bound=Message)


def read(kind: type[Kind], content: JsonObject) -> Kind:
    """Return the message. Raises ProtocolError naming the field and what it must be."""
    values: dict[str, object] = {}
    for item in fields(kind):
        if item.name in content:
            try:
                values[item.name] = item.metadata["read"](content[item.name])
            except ProtocolError as error:
                raise ProtocolError(f"{kind.__name__}: {item.name} {error.message}") from None
        elif item.default is MISSING:
            raise ProtocolError(f"{kind.__name__}: {item.name} is missing")
    return kind(**values)  # type: ignore[arg-type]  # each reader returns its field's type


def write(message: Message) -> JsonObject:
    """Return the content of a message; what is None is left out."""
    content: dict[str, object] = {}
    for item in fields(message):
        value: object = getattr(message, item.name)
        if isinstance(value, Mapping):
            value = dict(value)
        if value is not None:
            content[item.name] = value
    return content
