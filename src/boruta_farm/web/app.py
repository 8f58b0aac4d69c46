"""The web application: every route on one page."""

from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Page
from starlette.routing import Router as Pages
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from boruta_farm.model.answers import ClockReading, Orphaned, Version
from boruta_farm.model.events import Event
from boruta_farm.model.explanation import Explanation, Filed
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import Request
from boruta_farm.model.worker import AccessInfo, Worker
from boruta_farm.web import boards
from boruta_farm.web.auth import Entrance
from boruta_farm.web.clock import ClockCalls
from boruta_farm.web.dispatch import Dispatcher
from boruta_farm.web.events import EventCalls
from boruta_farm.web.hardening import Hardened
from boruta_farm.web.health import HealthCheck
from boruta_farm.web.openapi import Description
from boruta_farm.web.origins import Cors
from boruta_farm.web.people_routes import people_routes
from boruta_farm.web.requests import MORE_TIME_BODY, REQUEST_BODY, REQUEST_LIST, RequestCalls
from boruta_farm.web.routes import Parameter, Route
from boruta_farm.web.services import Services, WebOptions
from boruta_farm.web.version import version_endpoint
from boruta_farm.web.workers import (
    DESCRIPTION_BODY,
    GROUPS_BODY,
    NAME_BODY,
    STATE_BODY,
    WORKER_LIST,
    WorkerCalls,
)

_LIST_HEADERS = ("Boruta-List-Total", "Boruta-List-Remaining", "Boruta-List-Batch-Size")
_VERSION_HEADERS = ("Boruta-Server-Version", "Boruta-Api-Version", "Boruta-Api-State")
_REQUEST_HEADERS = ("Boruta-Request-State",)
_WORKER_HEADERS = ("Boruta-Worker-State",)

_IDEMPOTENCY = Parameter(
    name="Idempotency-Key",
    place="header",
    kind="string",
    words="a text of your own; a repetition within 24 h answers with the first request's ID",
)
_PREFER = Parameter(
    name="Prefer",
    place="header",
    kind="string",
    words="`wait=N` (RFC 7240): wait up to N seconds, at most 300, while the request is WAITING",
)
_BRIEF = Parameter(
    name="brief", place="query", kind="integer", words="1: at a bounded cost, without near misses"
)
_EXPLAINED = Parameter(
    name="explain",
    place="query",
    kind="integer",
    words="also tell this request's explanation, now and whenever it changes, as messages "
    "`request.explained` without an id",
)
_LAST_EVENT = Parameter(
    name="Last-Event-ID", place="header", kind="string", words="go on after this event"
)
_OF_REQUEST = Parameter(
    name="request", place="query", kind="integer", words="only events of this request"
)
_OF_WORKER = Parameter(
    name="worker", place="query", kind="string", words="only events of the worker with this UUID"
)
_GROUPS = Parameter(
    name="groups",
    place="query",
    kind="string",
    words="new groups, comma separated; without it the count is for deregistration",
)

_LABELS = Parameter(
    name="labels", place="query", kind="string", words="new labels, a JSON object of texts"
)


def api_routes(services: Services, options: WebOptions, entrance: Entrance) -> tuple[Route, ...]:
    """Return every call of the API, all below ``/api/v1/``."""
    requests = RequestCalls(services.requests, services.clock, options.public_address)
    workers = WorkerCalls(services.workers)
    events = EventCalls(services.feed, services.events, services.requests, services.clock, options)
    clock = ClockCalls(services.time)
    description = Description()
    routes: tuple[Route, ...] = (
        Route(
            method="GET",
            path="version",
            endpoint=version_endpoint(services.version),
            permission=Permission.PUBLIC,
            summary="Tell the versions of server and API",
            answer=Version,
            headers=_VERSION_HEADERS,
            head=True,
        ),
        Route(
            method="GET",
            path="clock",
            endpoint=clock.read,
            permission=Permission.SEE_FARM,
            summary="Tell the farm's time beside its machine's",
            answer=ClockReading,
            head=True,
        ),
        Route(
            method="POST",
            path="clock/adopt",
            endpoint=clock.adopt,
            permission=Permission.SET_CLOCK,
            summary="Set the farm's time to its machine's; running jobs keep their remaining time",
            answer=ClockReading,
        ),
        Route(
            method="POST",
            path="reqs/",
            endpoint=requests.create,
            permission=Permission.FILE_REQUESTS,
            summary="File a request",
            reader=REQUEST_BODY,
            success=201,
            answer=Filed,
            parameters=(_IDEMPOTENCY,),
        ),
        Route(
            method="POST",
            path="reqs/list",
            endpoint=requests.list,
            permission=Permission.SEE_REQUESTS,
            summary="List requests; without a body what is unfinished or finished within 24 h",
            reader=REQUEST_LIST,
            answer=list[Request],
            headers=_LIST_HEADERS,
            listing=True,
        ),
        Route(
            method="GET",
            path="reqs/{id}",
            endpoint=requests.get,
            permission=Permission.SEE_REQUESTS,
            summary="Show a request",
            answer=Request,
            headers=_REQUEST_HEADERS,
            head=True,
        ),
        Route(
            method="POST",
            path="reqs/{id}",
            endpoint=requests.update,
            permission=Permission.CHANGE_REQUESTS,
            summary="Change priority, times or what is asked for of a waiting request",
            reader=REQUEST_BODY,
            success=204,
        ),
        Route(
            method="POST",
            path="reqs/{id}/close",
            endpoint=requests.close,
            permission=Permission.CLOSE_REQUESTS,
            summary="Cancel a waiting request or finish a running one",
            success=204,
        ),
        Route(
            method="POST",
            path="reqs/{id}/prolong",
            endpoint=requests.prolong,
            permission=Permission.CHANGE_REQUESTS,
            summary="Give a running request more time; without a body its own Length from now",
            reader=MORE_TIME_BODY,
            optional_body=True,
            success=204,
        ),
        Route(
            method="POST",
            path="reqs/{id}/keepalive",
            endpoint=requests.keep_alive,
            permission=Permission.CHANGE_REQUESTS,
            summary="Renew a request's KeepAlive",
            success=204,
        ),
        Route(
            method="POST",
            path="reqs/{id}/acquire_worker",
            endpoint=requests.acquire,
            permission=Permission.USE_BOARDS,
            summary="Tell how to reach the board of a running request",
            answer=AccessInfo,
            parameters=(_PREFER,),
        ),
        Route(
            method="GET",
            path="reqs/{id}/explain",
            endpoint=requests.explain,
            permission=Permission.SEE_REQUESTS,
            summary="Tell why a request waits, and for whom",
            answer=Explanation,
            parameters=(_BRIEF,),
            head=True,
        ),
        Route(
            method="GET",
            path="workers/",
            endpoint=workers.list,
            permission=Permission.SEE_FARM,
            summary="List all workers",
            answer=list[Worker],
            headers=_LIST_HEADERS,
            listing=True,
            head=True,
        ),
        Route(
            method="POST",
            path="workers/list",
            endpoint=workers.list,
            permission=Permission.SEE_FARM,
            summary="List workers",
            reader=WORKER_LIST,
            answer=list[Worker],
            headers=_LIST_HEADERS,
            listing=True,
        ),
        Route(
            method="GET",
            path="workers/{worker}",
            endpoint=workers.get,
            permission=Permission.SEE_FARM,
            summary="Show a worker",
            answer=Worker,
            headers=_WORKER_HEADERS,
            head=True,
        ),
        Route(
            method="POST",
            path="workers/{worker}/setstate",
            endpoint=workers.set_state,
            permission=Permission.MANAGE_WORKERS,
            summary="Send a worker to IDLE or MAINTENANCE",
            reader=STATE_BODY,
            success=204,
        ),
        Route(
            method="POST",
            path="workers/{worker}/setgroups",
            endpoint=workers.set_groups,
            permission=Permission.MANAGE_WORKERS,
            summary="Replace a worker's groups",
            reader=GROUPS_BODY,
            success=204,
        ),
        Route(
            method="POST",
            path="workers/{worker}/setname",
            endpoint=workers.set_name,
            permission=Permission.MANAGE_WORKERS,
            summary="Give a worker another name",
            reader=NAME_BODY,
            success=204,
        ),
        Route(
            method="POST",
            path="workers/{worker}/describe",
            endpoint=workers.describe,
            permission=Permission.MANAGE_WORKERS,
            summary="Set a worker's labels, notes or photo; what is left out stays",
            reader=DESCRIPTION_BODY,
            success=204,
        ),
        Route(
            method="POST",
            path="workers/{worker}/revoke",
            endpoint=workers.revoke_agent,
            permission=Permission.MANAGE_AGENTS,
            summary="Take the credential of a worker's agent away",
            success=204,
        ),
        Route(
            method="POST",
            path="workers/{worker}/deregister",
            endpoint=workers.deregister,
            permission=Permission.MANAGE_WORKERS,
            summary="Remove a worker that is in MAINTENANCE or FAILED",
            success=204,
        ),
        Route(
            method="GET",
            path="workers/{worker}/orphans",
            endpoint=workers.orphans,
            permission=Permission.SEE_FARM,
            summary="Count the requests that would lose their last worker",
            answer=Orphaned,
            parameters=(_GROUPS, _LABELS),
            head=True,
        ),
        Route(
            method="GET",
            path="events",
            endpoint=events.stream,
            permission=Permission.SEE_FARM,
            summary="Follow what happens, as server-sent events",
            answer=Event,
            media="text/event-stream",
            parameters=(_LAST_EVENT, _OF_REQUEST, _OF_WORKER, _EXPLAINED),
        ),
        Route(
            method="GET",
            path="openapi.json",
            endpoint=description.show,
            permission=Permission.SEE_FARM,
            summary="Describe the API",
            answer=dict,
            head=True,
        ),
    )
    routes += people_routes(services.people, entrance)
    description.cover(routes, services.version)
    return routes


def entrance_to(services: Services, options: WebOptions) -> Entrance:
    """Return what admits callers."""
    return Entrance(
        services.people, services.clock, options.calls_per_source, options.calls_per_account
    )


class WebApp:
    """The ASGI application, and the way to make its endless answers end."""

    def __init__(self, app: ASGIApp, dispatcher: Dispatcher) -> None:
        self._app = app
        self._dispatcher = dispatcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._app(scope, receive, send)

    def stop(self) -> None:
        """End open event streams; to be called before the server waits for its connections."""
        self._dispatcher.stop()


def build_app(services: Services, options: WebOptions) -> WebApp:
    """Return the application for a farm."""
    pages = Pages(
        routes=[
            Page("/healthz", HealthCheck(services.health, services.time.words).answer),
            WebSocketRoute(boards.PATH, boards.BoardEndpoint(services.hub).serve),
            Page("/{path:path}", nothing_here, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        ],
        redirect_slashes=False,
    )
    entrance = entrance_to(services, options)
    routes = api_routes(services, options, entrance)
    dispatcher = Dispatcher(routes, pages, options, entrance, services.clock)
    app = Cors(dispatcher, options.cors_origins) if options.cors_origins else dispatcher
    return WebApp(Hardened(app), dispatcher)


async def nothing_here(_request: Asked) -> Response:
    """Answer for paths outside the API that no page has, in the original's words."""
    return PlainTextResponse(
        "404 page not found\n", status_code=404, headers={"x-content-type-options": "nosniff"}
    )
