"""The web application: every route on one page."""

from starlette.routing import Route as Page
from starlette.routing import Router as Pages
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from boruta_farm.model.answers import ClockReading, Orphaned
from boruta_farm.model.device import DeviceAnswer
from boruta_farm.model.events import Event
from boruta_farm.model.explanation import Explanation, Filed
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.model.permission import Permission
from boruta_farm.model.request import OpenSessions, Request
from boruta_farm.model.site import SITE_PATH
from boruta_farm.model.version import Version
from boruta_farm.model.worker import AccessInfo, Worker
from boruta_farm.web import boards
from boruta_farm.web.auth import Entrance
from boruta_farm.web.board_sockets import BoardSockets
from boruta_farm.web.clock import ClockCalls
from boruta_farm.web.consoles import MEDIA, ConsoleCalls
from boruta_farm.web.dispatch import Dispatcher
from boruta_farm.web.events import EventCalls
from boruta_farm.web.health import HealthCheck
from boruta_farm.web.metrics import METRICS_MEDIA, MetricsCalls
from boruta_farm.web.openapi import FIELDS, ApiDescription
from boruta_farm.web.people_routes import people_routes
from boruta_farm.web.requests import (
    ACT_BODY,
    MORE_TIME_BODY,
    REQUEST_BODY,
    REQUEST_LIST,
    SHARING_BODY,
    RequestCalls,
)
from boruta_farm.web.routes import Parameter, Route, change, read
from boruta_farm.web.services import Services, WebOptions
from boruta_farm.web.sign_in_routes import sign_in_routes
from boruta_farm.web.sites import SiteEndpoint
from boruta_farm.web.terminals import (
    DEVICE_BODY,
    IMAGE_PATH,
    TERMINAL_PATH,
    TerminalCalls,
    TerminalSockets,
)
from boruta_farm.web.tunnels import TUNNEL_PATH, TunnelSockets
from boruta_farm.web.version import door_endpoint, version_endpoint
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

_FIELDS = Parameter(
    name=FIELDS,
    place="query",
    kind="string",
    words="only these keys of each item, comma separated; then packed by gzip for who accepts it",
)
_RECORDS = Parameter(
    name="records",
    place="query",
    kind="integer",
    words="1: also tell each worker or request as it is after its event, before that, as messages "
    "`worker.record` and `request.record` without an id; what is replayed comes without them",
)

_CONSOLE = (
    Parameter(
        name="name", place="query", kind="string", words="which console, where there are several"
    ),
    Parameter(name="tail", place="query", kind="integer", words="only so many of the last lines"),
    Parameter(
        name="times", place="query", kind="integer", words="1: each line behind the time it came"
    ),
    Parameter(
        name="cast",
        place="query",
        kind="integer",
        words="1: all of it as a recording (asciicast, version 2), with neither `tail` nor `times`",
    ),
)
_LABELS = Parameter(
    name="labels", place="query", kind="string", words="new labels, a JSON object of texts"
)


def api_routes(services: Services, options: WebOptions, entrance: Entrance) -> tuple[Route, ...]:
    """Return every call of the API, all below ``/api/v1/``."""
    requests = RequestCalls(services.requests, services.clock, options.public_address)
    workers = WorkerCalls(services.workers)
    consoles = ConsoleCalls(services.consoles)
    events = EventCalls(
        services.feed, services.events, services.requests, services.clock, options, services.traffic
    )
    clock = ClockCalls(services.time)
    metrics = MetricsCalls(services.metrics)
    terminals = TerminalCalls(services.terminals)
    description = ApiDescription()
    routes: tuple[Route, ...] = (
        read(
            "version",
            version_endpoint(services.version),
            Permission.PUBLIC,
            "Tell the versions of server and API",
            answer=Version,
            headers=_VERSION_HEADERS,
            prompt=True,
        ),
        read(
            "door",
            door_endpoint(services.door),
            Permission.PUBLIC,
            "Tell where plain ssh comes in, and the door's host key",
            answer=FrontDoorPlace,
        ),
        read(
            "clock",
            clock.read,
            Permission.SEE_FARM,
            "Tell the farm's time beside its machine's",
            answer=ClockReading,
        ),
        change(
            "clock/adopt",
            clock.adopt,
            Permission.SET_CLOCK,
            "Set the farm's time to its machine's; running jobs keep their remaining time",
            answer=ClockReading,
        ),
        change(
            "reqs/",
            requests.create,
            Permission.FILE_REQUESTS,
            "File a request",
            reader=REQUEST_BODY,
            answer=Filed,
            parameters=(_IDEMPOTENCY,),
            success=201,
            prompt=True,
        ),
        change(
            "reqs/list",
            requests.list,
            Permission.SEE_REQUESTS,
            "List requests; without a body what is unfinished or finished within 24 h",
            reader=REQUEST_LIST,
            answer=list[Request],
            parameters=(_FIELDS,),
            headers=_LIST_HEADERS,
            listing=True,
            prompt=True,
        ),
        read(
            "reqs/{id}",
            requests.get,
            Permission.SEE_REQUESTS,
            "Show a request",
            answer=Request,
            headers=_REQUEST_HEADERS,
            prompt=True,
        ),
        change(
            "reqs/{id}",
            requests.update,
            Permission.CHANGE_REQUESTS,
            "Change priority, times or what is asked for of a waiting request",
            reader=REQUEST_BODY,
            prompt=True,
        ),
        change(
            "reqs/{id}/close",
            requests.close,
            Permission.CLOSE_REQUESTS,
            "Cancel a waiting request or finish a running one",
            prompt=True,
        ),
        change(
            "reqs/{id}/prolong",
            requests.prolong,
            Permission.CHANGE_REQUESTS,
            "Give a running request more time; without a body its own Length from now",
            reader=MORE_TIME_BODY,
            optional_body=True,
        ),
        change(
            "reqs/{id}/keepalive",
            requests.keep_alive,
            Permission.CHANGE_REQUESTS,
            "Renew a request's KeepAlive",
            prompt=True,
        ),
        change(
            "reqs/{id}/nudge",
            requests.nudge,
            Permission.NUDGE_HOLDERS,
            "Ask the holder of a running request's board whether he still needs it",
        ),
        change(
            "reqs/{id}/acts",
            requests.note_act,
            Permission.NOTE_ACTS,
            "Enter into the audit what a program is about to do on the board of a running request",
            reader=ACT_BODY,
        ),
        change(
            "reqs/{id}/share",
            requests.share,
            Permission.SHARE_REQUESTS,
            "Let an account's own SSH keys open the session of a request, for its job only",
            reader=SHARING_BODY,
            optional_body=True,
            answer=Request,
        ),
        change(
            "reqs/{id}/unshare",
            requests.unshare,
            Permission.SHARE_REQUESTS,
            "Take an account's keys off again, and end what they have opened",
            reader=SHARING_BODY,
            optional_body=True,
            answer=Request,
        ),
        read(
            "reqs/{id}/sessions",
            requests.sessions,
            Permission.SHARE_REQUESTS,
            "Tell who is on the board of a running request",
            beyond=Permission.CLOSE_REQUESTS,
            answer=list[OpenSessions],
        ),
        change(
            "reqs/{id}/acquire_worker",
            requests.acquire,
            Permission.USE_BOARDS,
            "Tell how to reach the board of a running request",
            answer=AccessInfo,
            parameters=(_PREFER,),
        ),
        read(
            "reqs/{id}/explain",
            requests.explain,
            Permission.SEE_REQUESTS,
            "Tell why a request waits, and for whom",
            answer=Explanation,
            parameters=(_BRIEF,),
        ),
        read(
            "reqs/{id}/console",
            consoles.read,
            Permission.USE_BOARDS,
            "Write what the console said in the request's last job, once that has ended",
            beyond=Permission.CLOSE_REQUESTS,
            answer=str,
            media=MEDIA,
            parameters=_CONSOLE,
            headers=("Boruta-Console", "Boruta-Console-Dropped", "Boruta-Console-Complete"),
            head=False,
        ),
        change(
            "reqs/{id}/dut",
            terminals.operate,
            Permission.USE_BOARDS,
            "Have `dut` do one thing on the board of a running request, such as switch its power",
            reader=DEVICE_BODY,
            optional_body=True,
            answer=DeviceAnswer,
        ),
        read(
            "workers/",
            workers.list,
            Permission.SEE_FARM,
            "List all workers",
            answer=list[Worker],
            parameters=(_FIELDS,),
            headers=_LIST_HEADERS,
            listing=True,
        ),
        change(
            "workers/list",
            workers.list,
            Permission.SEE_FARM,
            "List workers",
            reader=WORKER_LIST,
            answer=list[Worker],
            parameters=(_FIELDS,),
            headers=_LIST_HEADERS,
            listing=True,
        ),
        read(
            "workers/{worker}",
            workers.get,
            Permission.SEE_FARM,
            "Show a worker",
            answer=Worker,
            headers=_WORKER_HEADERS,
            prompt=True,
        ),
        change(
            "workers/{worker}/setstate",
            workers.set_state,
            Permission.MANAGE_WORKERS,
            "Send a worker to IDLE or MAINTENANCE",
            reader=STATE_BODY,
        ),
        change(
            "workers/{worker}/setgroups",
            workers.set_groups,
            Permission.MANAGE_WORKERS,
            "Replace a worker's groups",
            reader=GROUPS_BODY,
        ),
        change(
            "workers/{worker}/setname",
            workers.set_name,
            Permission.MANAGE_WORKERS,
            "Give a worker another name",
            reader=NAME_BODY,
        ),
        change(
            "workers/{worker}/describe",
            workers.describe,
            Permission.MANAGE_WORKERS,
            "Set a worker's labels, notes or photo; what is left out stays",
            reader=DESCRIPTION_BODY,
        ),
        change(
            "workers/{worker}/revoke",
            workers.revoke_agent,
            Permission.MANAGE_AGENTS,
            "Take the credential of a worker's agent away",
        ),
        change(
            "workers/{worker}/deregister",
            workers.deregister,
            Permission.MANAGE_WORKERS,
            "Remove a worker that is in MAINTENANCE or FAILED",
        ),
        read(
            "workers/{worker}/orphans",
            workers.orphans,
            Permission.SEE_FARM,
            "Count the requests that would lose their last worker",
            answer=Orphaned,
            parameters=(_GROUPS, _LABELS),
        ),
        read(
            "events",
            events.stream,
            Permission.SEE_FARM,
            "Follow what happens, as server-sent events",
            answer=Event,
            media="text/event-stream",
            parameters=(_LAST_EVENT, _OF_REQUEST, _OF_WORKER, _EXPLAINED, _RECORDS),
            head=False,
        ),
        read(
            "metrics",
            metrics.show,
            Permission.SEE_FARM,
            "Write the farm's figures for Prometheus, also at /metrics",
            answer=str,
            media=METRICS_MEDIA,
        ),
        read(
            "openapi.json", description.show, Permission.SEE_FARM, "Describe the API", answer=dict
        ),
    )
    routes += people_routes(services.people, entrance, services.clock)
    routes += sign_in_routes(services.sign_ins, entrance, services.clock)
    description.cover(routes, services.version)
    return routes


def entrance_to(services: Services, options: WebOptions) -> Entrance:
    """Return what admits callers."""
    return Entrance(
        services.people,
        services.clock,
        options.calls_per_source,
        options.calls_per_account,
        services.servers,
    )


_ANY = ["GET", "HEAD", "POST", "PUT", "DELETE"]


class WebApp:
    """The ASGI application, and the way to make its endless answers end."""

    def __init__(self, dispatcher: Dispatcher, entrance: Entrance) -> None:
        self._dispatcher = dispatcher
        self.entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        # A coroutine function: uvicorn takes an application that is none for ASGI 2.
        await self._dispatcher(scope, receive, send)

    def stop(self) -> None:
        """End open event streams; to be called before the server waits for its connections."""
        self._dispatcher.stop()


def build_app(services: Services, options: WebOptions) -> WebApp:
    """Return the application for a farm."""
    entrance = entrance_to(services, options)
    sockets = BoardSockets(entrance, services.requests, services.feed)
    terminals = TerminalSockets(services.terminals, sockets)
    tunnels = TunnelSockets(services.tunnels_at, services.requests, sockets)
    pages = Pages(
        routes=[
            Page(
                "/healthz",
                HealthCheck(services.health, services.time.words, services.at_risk).answer,
            ),
            WebSocketRoute(TERMINAL_PATH, terminals.terminal),
            WebSocketRoute(IMAGE_PATH, terminals.image),
            WebSocketRoute(TUNNEL_PATH, tunnels.serve),
            WebSocketRoute(SITE_PATH, SiteEndpoint(services.sites).serve),
            Page(
                "/{path:path}",
                options.page.answer,
                methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            ),
        ],
        redirect_slashes=False,
    )
    routes = api_routes(services, options, entrance)
    agents = {boards.PATH: boards.BoardEndpoint(services.hub).serve}
    dispatcher = Dispatcher(
        routes, pages, options, entrance, services.clock, services.traffic, agents
    )
    return WebApp(dispatcher, entrance)
