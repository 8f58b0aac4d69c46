"""The root helper's fixed verbs on the wire: one line of JSON for each call and each answer.

A call is ``{"verb": "create", "key": "ssh-ed25519 ...", "seconds": 3600}``; the answer is
``{"result": ...}`` or ``{"error": {"code": "...", "message": "..."}}``. There are no other verbs
and no other fields: names, groups, uids and paths come from the configuration that root owns.
With the answer to ``open_medium`` comes a descriptor (SCM_RIGHTS).
"""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from boruta_farm.dryad.users.host import Inspection, SessionHost, SystemAccount
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.model.errors import (
    BoardError,
    BorutaError,
    ConfigError,
    KeyRefusedError,
    ProtocolError,
)

LONGEST_LINE: Final = 512 * 1024
"""Bytes of a call; an answer may be longer."""

LONGEST_ANSWER: Final = 4 << 20
MOST_FOUND: Final = 200
MOST_KEYS: Final = 512
Fields = Mapping[str, object]
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Hold an open file's number; who has it closes it."""

    number: int


@dataclass(frozen=True, slots=True)
class HelperAnswer:
    """Carry an answer's line, and the descriptor that goes with it."""

    line: bytes
    descriptor: Descriptor | None = None


async def perform(host: SessionHost, line: bytes) -> HelperAnswer:
    """Do what a line asks for and return the answer; whatever fails is one, too."""
    try:
        verb, fields = _parse(line)
        result = await VERBS[verb][1](host, fields)
    except BorutaError as error:
        return HelperAnswer(encode({"error": {"code": error.code, "message": error.message}}))
    if isinstance(result, Descriptor):
        return HelperAnswer(encode({"result": None}), result)
    return HelperAnswer(encode({"result": result}))


def encode(content: Json) -> bytes:
    """Return one line."""
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def decode_answer(line: bytes) -> object:
    """Return the result of an answer. Raises the error that it tells of, or BoardError."""
    try:
        answer = json.loads(line)
        if "error" not in answer:
            return answer["result"]
        code, message = str(answer["error"]["code"]), str(answer["error"]["message"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable() from error
    raise _TOLD.get(code, BoardError)(message)


_TOLD: dict[str, type[BorutaError]] = {kind.code: kind for kind in (ConfigError, KeyRefusedError)}
"""Errors that mean something else than that the board is broken."""


def _parse(line: bytes) -> tuple[str, Fields]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("a call must be one line of JSON") from None
    if not isinstance(content, dict):
        raise ProtocolError("a call must be an object")
    verb = content.pop("verb", None)
    if not isinstance(verb, str) or verb not in VERBS:
        raise ProtocolError(f"there is no such verb; there are {', '.join(VERBS)}")
    kinds = VERBS[verb][0]
    if content.keys() != kinds.keys():
        raise ProtocolError(f"{verb} takes exactly: {', '.join(kinds) or 'nothing'}")
    for name, kind in kinds.items():
        value = content[name]
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ProtocolError(f"{verb}: {name} is of the wrong kind")
        if isinstance(value, float) and not math.isfinite(value):
            raise ProtocolError(f"{verb}: {name} must be a finite number")
    return verb, content


async def _inspect(host: SessionHost, _: Fields) -> object:
    return asdict(await host.inspect())


async def _create(host: SessionHost, fields: Fields) -> object:
    return _account(await host.create(str(fields["key"]), _seconds(fields)))


async def _authorize(host: SessionHost, fields: Fields) -> object:
    await host.authorize(_keys(fields), _seconds(fields))
    return None


async def _certify(host: SessionHost, fields: Fields) -> object:
    await host.certify(str(fields["certificate"]))
    return None


async def _part_with(host: SessionHost, fields: Fields) -> object:
    return await host.part_with(_keys(fields))


async def _visitors(host: SessionHost, _: Fields) -> object:
    return dict(await host.visitors())


async def _find(host: SessionHost, _: Fields) -> object:
    account = await host.find()
    return None if account is None else _account(account)


async def _warn(host: SessionHost, fields: Fields) -> object:
    return await host.warn(str(fields["message"]))


async def _clean(host: SessionHost, _: Fields) -> object:
    return (await host.clean())[:MOST_FOUND]


async def _sessions(host: SessionHost, _: Fields) -> object:
    return sorted(await host.sessions())


def _keys(fields: Fields) -> tuple[str, ...]:
    match fields["keys"]:
        case [*keys] if len(keys) <= MOST_KEYS and all(isinstance(key, str) for key in keys):
            return tuple(map(str, keys))
        case _:
            raise ProtocolError(f"keys must be a list of at most {MOST_KEYS} texts")


async def _open_medium(host: SessionHost, fields: Fields) -> object:
    try:
        use = MediumUse(str(fields["use"]))
    except ValueError:
        raise ProtocolError(f"open_medium: use is one of {', '.join(MediumUse)}") from None
    return Descriptor(await host.open_medium(str(fields["tool"]), use))


async def _give_terminal(host: SessionHost, fields: Fields) -> object:
    await host.give_terminal(int(str(fields["number"])))
    return None


def _seconds(fields: Fields) -> float:
    return float(str(fields["seconds"]))


def _account(account: SystemAccount) -> Json:
    return {"name": account.name, "uid": account.uid, "home": str(account.home)}


def read_account(content: object) -> SystemAccount:
    """Return the account of an answer. Raises BoardError."""
    match content:
        case {"name": str(name), "uid": int(uid), "home": str(home)}:
            return SystemAccount(name=name, uid=uid, home=Path(home))
        case _:
            raise _unreadable()


def read_visitors(content: object) -> dict[str, int]:
    """Return the sessions of an answer. Raises BoardError."""
    if isinstance(content, dict) and all(isinstance(count, int) for count in content.values()):
        return {str(key): count for key, count in content.items()}
    raise _unreadable()


def read_inspection(content: object) -> Inspection:
    """Return the inspection of an answer. Raises BoardError."""
    match content:
        case {
            "warnings": list(warnings),
            "root_groups": list(groups),
            "host_key": str() | None as host_key,
        }:
            return Inspection(
                warnings=tuple(map(str, warnings)),
                root_groups=tuple(map(str, groups)),
                host_key=host_key,
            )
        case _:
            raise _unreadable()


def _unreadable() -> BoardError:
    return BoardError("the root helper's answer cannot be read; are both of one version?")


Kinds = Mapping[str, type | tuple[type, ...]]
Verb = tuple[Kinds, Callable[[SessionHost, Fields], Awaitable[object]]]
VERBS: Final[Mapping[str, Verb]] = {
    "inspect": ({}, _inspect),
    "create": ({"key": str, "seconds": (int, float)}, _create),
    "authorize": ({"keys": list, "seconds": (int, float)}, _authorize),
    "certify": ({"certificate": str}, _certify),
    "part_with": ({"keys": list}, _part_with),
    "visitors": ({}, _visitors),
    "find": ({}, _find),
    "warn": ({"message": str}, _warn),
    "clean": ({}, _clean),
    "sessions": ({}, _sessions),
    "open_medium": ({"tool": str, "use": str}, _open_medium),
    "give_terminal": ({"number": int}, _give_terminal),
}
"""Every verb with its fields."""
