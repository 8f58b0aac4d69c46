"""The route table's entries, and the way from a path to one of them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from boruta_farm.model.permission import Permission
from boruta_farm.web.bodies import Reader
from boruta_farm.web.calls import Endpoint
from boruta_farm.web.redirects import PREFIX, collapse


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Describe a header or query parameter of a call; ``place`` is ``header`` or ``query``."""

    name: str
    place: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Describe one call.

    ``path`` is relative to the prefix and has at most one ``{...}``, always its second segment.
    ``permission`` is what the caller needs at least; ``beyond`` what it takes where the record is
    not one's own. ``reader`` is set for calls that take a body, which may be left out where
    ``optional_body`` says so. ``success`` and ``answer`` are status and type
    of a good answer (None: no body), ``headers`` what it bears besides. ``listing`` marks lists,
    whose headers come with errors too; ``head`` offers HEAD as well. ``prompt`` endpoints run
    outside of a task (``in_task``): they wait for nothing, or for the farm's own store.
    """

    method: str
    path: str
    endpoint: Endpoint
    permission: Permission
    summary: str
    success: int = 200
    answer: object = None
    reader: Reader[Any] | None = None
    optional_body: bool = False
    beyond: Permission | None = None
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[str, ...] = ()
    media: str = "application/json"
    listing: bool = False
    head: bool = False
    prompt: bool = False


def read(path: str, endpoint: Endpoint, permission: Permission, summary: str, **rest: Any) -> Route:
    """Return a call that only tells something, which HEAD may ask too unless ``rest`` denies it."""
    return _route("GET", path, endpoint, permission, summary, {"head": True} | rest)


def change(
    path: str, endpoint: Endpoint, permission: Permission, summary: str, **rest: Any
) -> Route:
    """Return a call that takes a body or changes something; 204 where it answers with nothing."""
    success = 200 if "answer" in rest else 204
    return _route("POST", path, endpoint, permission, summary, {"success": success} | rest)


def _route(
    method: str,
    path: str,
    endpoint: Endpoint,
    permission: Permission,
    summary: str,
    rest: dict[str, Any],
) -> Route:
    return Route(
        method=method,
        path=path,
        endpoint=endpoint,
        permission=permission,
        summary=summary,
        **rest,
    )


Segments = tuple[str, ...]
Methods = dict[str, Route]

ROOTED: dict[str, Segments] = {"/metrics": ("metrics",)}
"""Paths outside of the prefix where others look for a call of the API."""


class Router:
    """Find routes by two look-ups in dictionaries: the whole path, then without its parameter."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._fixed: dict[Segments, Methods] = {}
        self._variable: dict[Segments, Methods] = {}
        for route in routes:
            segments = tuple(route.path.split("/"))
            if "{" in route.path:
                methods = self._variable.setdefault(_without_parameter(segments), {})
            else:
                methods = self._fixed.setdefault(segments, {})
            methods[route.method] = route
            if route.head:
                methods["HEAD"] = route

    def find(self, method: str, segments: Segments) -> tuple[Route, str] | None:
        """Return the route for a path below the prefix, with its parameter."""
        methods = self._fixed.get(segments)
        if methods is not None and method in methods:
            return methods[method], ""
        if len(segments) > 1 and segments[1]:
            methods = self._variable.get(_without_parameter(segments))
            if methods is not None and method in methods:
                return methods[method], segments[1]
        return None

    def knows(self, path: str) -> bool:
        """Tell whether a whole path is served under any method."""
        segments = tuple(path[len(PREFIX) :].split("/"))
        if segments in self._fixed:
            return True
        has_parameter = len(segments) > 1 and segments[1] != ""
        return has_parameter and _without_parameter(segments) in self._variable


def segments_of(scope: Scope) -> Segments | None:
    """Return a call's path below the prefix, cut at its slashes; None for what is none of ours.

    Doubled slashes count as one; an encoded slash belongs to its segment.
    """
    path: str = scope["path"]
    if not path.startswith(PREFIX):
        return ROOTED.get(path)
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw and (b"%2f" in raw or b"%2F" in raw):
        parts = collapse(raw.decode("latin-1"))[len(PREFIX) :].split("/")
        return tuple(unquote_to_bytes(part).decode("utf-8", "replace") for part in parts)
    return tuple(collapse(path)[len(PREFIX) :].split("/"))


def _without_parameter(segments: Segments) -> Segments:
    return (segments[0], *segments[2:])
