"""Bodies of calls: what may be sent, and how it is read."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, field, inspect

from boruta_farm.web.errors import MalformedBodyError, MissingBodyError
from boruta_farm.web.shapes import TIME
from boruta_farm.web.tolerance import canonical, parse_first

Priority = Annotated[int, Meta(ge=0, le=255)]
Count = Annotated[int, Meta(ge=0)]
Limit = Annotated[int, Meta(ge=0, le=65535, description="0 means the highest, 65535")]


class OwnerBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """Accepted for the original's clients and ignored: the owner is the caller."""

    groups: list[str] | None = None
    name: str | None = None


class JobBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """Accepted for the original's clients and ignored."""

    worker: str | None = field(name="WorkerUUID", default=None)
    timeout: TIME | None = None


class RequestBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """A new request or a change to one; the original's clients send the whole object."""

    id: Count | None = field(name="ID", default=None)
    owner: OwnerBody | None = None
    state: str | None = None
    job: JobBody | None = None


class SorterBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What a list is sorted by, and which way: `ascending` or `descending`."""

    item: str | None = None
    order: str | None = None


class RequestFilterBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """Keep requests that match every key given; `Priorities` also as base64 of its bytes."""

    ids: list[Count] | None = field(name="IDs", default=None)
    priorities: list[Priority] | str | None = None
    states: list[str] | None = None
    selector: str | None = None
    shared: Annotated[bool, Meta(description="only those that are shared with you")] | None = None


class RequestPaginatorBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """A page: up to `Limit` requests after (`backward`: before) the one with this `ID`."""

    id: Count | None = field(name="ID", default=None)
    direction: str | None = None
    limit: Limit | None = None


class RequestListBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """Which requests to list; `State` and `Priority` are the form of version 0.1.0."""

    filter: RequestFilterBody | None = None
    sorter: SorterBody | None = None
    paginator: RequestPaginatorBody | None = None
    state: str | None = None
    priority: str | None = None


class WorkerFilterBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """Keep workers that have all capabilities, one of the groups and one of the states."""

    groups: list[str] | None = None
    capabilities: dict[str, str] | None = None
    states: list[str] | None = None
    selector: str | None = None


class WorkerPaginatorBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """A page: up to `Limit` workers after (`backward`: before) the one with this `ID`."""

    id: str | None = field(name="ID", default=None)
    direction: str | None = None
    limit: Limit | None = None


class WorkerListBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"
):
    """Which workers to list; `Groups` and `Capabilities` are the form of version 0.1.0."""

    filter: WorkerFilterBody | None = None
    sorter: SorterBody | None = None
    paginator: WorkerPaginatorBody | None = None
    groups: list[str] | None = None
    capabilities: dict[str, str] | None = None


class StateBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """The state an admin sends a worker to: `IDLE` or `MAINTENANCE`."""

    worker_state: str | None = None
    reason: str | None = None
    after_job: bool | None = None


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """What the token made by signing in is to be called, such as the machine's name."""

    name: Annotated[str, Meta(max_length=8192)] = ""


class ExchangeBody(Struct, frozen=True, kw_only=True):
    """A token exchange (RFC 8693, 2.1) of the token that a CI system gave to its job.

    Whatever else is sent is ignored, as RFC 6749 demands.
    """

    grant_type: Annotated[
        str, Meta(max_length=200, description="urn:ietf:params:oauth:grant-type:token-exchange")
    ] = ""
    subject_token: Annotated[str, Meta(max_length=16384, description="the job's own token")] = ""
    subject_token_type: Annotated[
        str, Meta(max_length=200, description="urn:ietf:params:oauth:token-type:jwt or id_token")
    ] = ""
    requested_token_type: Annotated[
        str, Meta(max_length=200, description="an access token, if anything")
    ] = ""


Body = TypeVar("Body")


TOLERATED = 32 * 1024
"""Bytes of a body that is read with leniency: that takes up to 5 ms, a hundred times as long."""


class Reader(Generic[Body]):
    """Read bodies of one type: the fast decoder first, Go's leniency when it fails.

    One that is larger than anybody writes by mistake is read exactly or not at all.

    A ``strict`` one knows no leniency. It is for calls that the original has not, where a name
    written wrongly would give a token a longer life, or an account more, than was meant.
    ``former`` are keys of version 0.1.0 with their types: the original does not know them any
    more, so one that has another type is ignored like every unknown key. ``media`` is how bodies
    are sent.
    """

    media = "application/json"

    def __init__(
        self,
        wanted: type[Body],
        *,
        strict: bool = False,
        former: Mapping[str, Any] | None = None,
    ) -> None:
        self.strict = strict
        self._former = former or {}
        self.wanted: object = wanted | None
        self._decode: Callable[[bytes], Body | None] = msgspec.json.Decoder(self.wanted).decode
        self._info = inspect.type_info(self.wanted)

    def read(self, body: bytes) -> Body | None:
        """Return the body's value, None for null.

        Raises MissingBodyError for an empty body, MalformedBodyError for anything that Go
        would not take either, or that is not exactly as described where that is asked for.
        """
        if not body:
            raise MissingBodyError
        try:
            return self._decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            if self.strict or len(body) > TOLERATED:
                raise MalformedBodyError(in_words(error)) from error
            return self._read_tolerantly(body)

    def _read_tolerantly(self, body: bytes) -> Body | None:
        try:
            value = canonical(parse_first(body), self._info)
            if isinstance(value, dict):
                for key, kind in self._former.items():
                    if key in value and not _fits(value[key], kind):
                        del value[key]
            found: Body | None = msgspec.convert(value, self.wanted)
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            raise MalformedBodyError(in_words(error)) from error
        return found


_PLACED: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", re.DOTALL)
_BOUND: Final = re.compile(
    r"Expected `(?P<kind>\w+)`(?P<length> of length)? (?P<way>[<>]=) (?P<bound>\S+)"
)
_KIND: Final = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<given>\w+)`")
_FIELD: Final = re.compile(
    r"Object (?P<how>contains unknown|missing required) field `(?P<name>[^`]*)`"
)
_KINDS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_COUNTED: Final = {"str": " characters", "array": " items", "object": " fields"}


def in_words(error: Exception) -> str:
    """Return what is wrong with a body, for the person who wrote it."""
    text = str(error)
    if "int_max_str_digits" in text:
        return "a number has more digits than any that can be meant"
    found = _PLACED.fullmatch(text)
    if found is None:
        return text
    what, place = found["what"], found["place"]
    if bound := _BOUND.fullmatch(what):
        counted = _COUNTED.get(bound["kind"], "") if bound["length"] else ""
        side = "at least" if bound["way"] == ">=" else "at most"
        what = f"{bound['bound'].removesuffix('.0')}{counted} {side}"
    elif kind := _KIND.fullmatch(what):
        wanted = " or ".join(_KINDS.get(one, one) for one in kind["wanted"].split(" | "))
        what = f"{wanted} is wanted, not {_KINDS.get(kind['given'], kind['given'])}"
    elif wrong := _FIELD.fullmatch(what):
        unknown = wrong["how"].startswith("contains")
        what = f"there is no {wrong['name']} here" if unknown else f"{wrong['name']} is missing"
    return f"{place}: {what}" if place else what


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


MOST_FIELDS = 50


class FormReader(Reader[Body]):
    """Read bodies that are sent as forms, as OAuth's calls are."""

    media = "application/x-www-form-urlencoded"

    def __init__(self, wanted: type[Body]) -> None:
        super().__init__(wanted, strict=True)

    def read(self, body: bytes) -> Body | None:
        """Return the body's value. Raises MissingBodyError, MalformedBodyError."""
        if not body:
            raise MissingBodyError
        try:
            pairs = parse_qsl(body.decode("ascii"), max_num_fields=MOST_FIELDS)
            if len(dict(pairs)) != len(pairs):
                raise ValueError("a field stands there twice")
            found: Body | None = msgspec.convert(dict(pairs), self.wanted)
        except (msgspec.ValidationError, ValueError) as error:
            raise MalformedBodyError(f"the form cannot be read: {in_words(error)}") from error
        return found
