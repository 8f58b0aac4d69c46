"""A small farm behind the API: enough words of the wire to test a client against."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from boruta_farm.records.times import format_time

Json = dict[str, Any]

BOARD_KEY = "-----BEGIN RSA PRIVATE KEY-----\nnot a real one\n-----END RSA PRIVATE KEY-----\n"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMadeUpForTestsOnlyMadeUpForTests"


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


class FakeFarm:
    """Keep requests and workers as the JSON they are shown as.

    ``cause`` is why requests wait; None is a server that tells it in words alone.
    ``refusals`` are answers given instead of the next calls to a path's last word, such as
    ``{"prolong": [(400, {...})]}``. ``calls`` records method, path, headers and body. Workers
    of a ``slow`` farm stay BUSY when their state is set.
    """

    def __init__(self) -> None:
        self.requests: dict[int, Json] = {}
        self.workers: dict[str, Json] = {}
        self.journal: list[Json] = []
        self.streams: list[asyncio.Queue[bytes | None]] = []
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.queries: list[str] = []
        self.cause: str | None = None
        self.refusals: dict[str, list[tuple[int, Json]]] = {}
        self.known_keys: dict[str, int] = {}
        self.job_time = timedelta(hours=1)
        self.ssh_port = 20001
        self.host_key: str | None = HOST_KEY
        self.board_key = BOARD_KEY
        self.holders: list[Json] = []
        self.orphans = 0
        self.slow = False
        routes = [
            Route("/api/v1/version", self.version),
            Route("/api/v1/clock", self.clock),
            Route("/api/v1/clock/adopt", self.clock, methods=["POST"]),
            Route("/api/v1/reqs/", self.create, methods=["POST"]),
            Route("/api/v1/reqs/list", self.list_requests, methods=["POST"]),
            Route("/api/v1/reqs/{id:int}", self.show),
            Route("/api/v1/reqs/{id:int}", self.update, methods=["POST"]),
            Route("/api/v1/reqs/{id:int}/explain", self.explain),
            Route("/api/v1/reqs/{id:int}/{action}", self.act, methods=["POST"]),
            Route("/api/v1/workers/list", self.list_workers, methods=["POST"]),
            Route("/api/v1/workers/{name}", self.show_worker),
            Route("/api/v1/workers/{name}/orphans", self.count_orphans),
            Route("/api/v1/workers/{name}/{action}", self.act_on_worker, methods=["POST"]),
            Route("/api/v1/events", self.events),
        ]
        self._app = Starlette(routes=routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = b""
            more = scope["method"] == "POST"
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            headers = {k.decode(): v.decode() for k, v in scope["headers"]}
            path = scope["path"].removeprefix("/api/v1/")
            self.calls.append((scope["method"], path, headers, body))
            waiting = self.refusals.get(path.rstrip("/").rpartition("/")[2])
            if waiting:
                status, words = waiting.pop(0)
                await JSONResponse(words, status)(scope, receive, send)
                return
            scope["farm.body"] = body
        await self._app(scope, receive, send)

    def add_worker(
        self, number: int, name: str, state: str = "IDLE", caps: dict[str, str] | None = None
    ) -> Json:
        worker: Json = {
            "WorkerUUID": uuid_of(number),
            "State": state,
            "Groups": None,
            "Caps": {"UUID": uuid_of(number), **(caps or {})},
            "Name": name,
            "Fence": "agent",
            "Reach": "direct",
            "Since": "2026-01-01T12:00:00Z",
            "Epoch": 3,
            "Port": self.ssh_port,
            "AfterJob": False,
        }
        self.workers[worker["WorkerUUID"]] = worker
        self.match()
        return worker

    def tell(self, kind: str, **facts: object) -> None:
        """Journal an event and pass it on."""
        number = len(self.journal) + 1
        names = {"Request": None, "Worker": None, "State": None, "Reason": None}
        now = format_time(datetime.now(UTC))
        self.journal.append({"Number": number, "At": now, "Kind": kind, **names, **facts})
        self.send(_chunk(self.journal[-1]))

    def send(self, chunk: bytes | None) -> None:
        """Write to every open stream of events; None ends them."""
        for queue in self.streams:
            queue.put_nowait(chunk)

    def match(self) -> None:
        """Grant idle workers to the requests that fit, the oldest first."""
        for request in self.requests.values():
            if request["State"] != "WAITING":
                continue
            for worker in self.workers.values():
                wanted = (request["Caps"] or {}).items()
                if worker["State"] == "IDLE" and wanted <= worker["Caps"].items():
                    self.grant(request, worker)
                    break

    def grant(self, request: Json, worker: Json) -> None:
        now = datetime.now(UTC)
        worker["State"] = "RUNNING"
        request["State"] = "IN PROGRESS"
        request["Job"] = {
            "WorkerUUID": worker["WorkerUUID"],
            "Timeout": format_time(now + self.job_time),
            "Epoch": worker["Epoch"],
            "Granted": format_time(now),
            "Limit": format_time(now + timedelta(hours=24)),
        }
        self.tell("request.started", Request=request["ID"], State="IN PROGRESS")

    def finish(self, request_id: int, state: str, reason: str = "closed") -> None:
        """End a request and free its worker."""
        request = self.requests[request_id]
        request |= {"State": state, "Reason": reason, "Finished": format_time(datetime.now(UTC))}
        if request["Job"] is not None:
            self.workers[request["Job"]["WorkerUUID"]]["State"] = "IDLE"
        self.tell("request.finished", Request=request_id, State=state, Reason=reason)
        self.match()

    def set_worker(self, uuid: str, state: str) -> None:
        self.workers[uuid]["State"] = state
        self.tell("worker.state", Worker=uuid, State=state)
        self.match()

    def called(self, method: str, path: str) -> int:
        """Count the calls to a path."""
        return sum(1 for call in self.calls if call[:2] == (method, path))

    async def version(self, _call: Call) -> Response:
        words = {"Server": "0.3.0", "API_Version": "v1", "API_State": "devel"}
        return JSONResponse(words)

    async def clock(self, _call: Call) -> Response:
        noon = "2026-11-23T12:00:00Z"
        return JSONResponse({"Time": noon, "Machine": noon, "Words": None})

    async def create(self, call: Call) -> Response:
        key = call.headers.get("idempotency-key")
        if key is not None and key in self.known_keys:
            return self._filed(self.known_keys[key])
        body = json.loads(call.scope["farm.body"])
        if not 1 <= body["Priority"] <= 16:
            words = "invalid request: requested priority out of bounds"
            return JSONResponse({"message": words, "Code": "priority-out-of-bounds"}, 400)
        if "?" in body.get("Selector", ""):
            return _unreadable(body["Selector"])
        number = len(self.requests) + 1
        now = datetime.now(UTC)
        request: Json = {
            "ID": number,
            "Priority": body["Priority"],
            "Owner": {"Groups": None},
            "Deadline": body.get("Deadline") or format_time(now + timedelta(days=30)),
            "ValidAfter": body.get("ValidAfter") or format_time(now),
            "State": "WAITING",
            "Job": None,
            "Caps": body["Caps"],
            "Created": format_time(now),
        }
        ours = ("SSHKey", "KeepAlive", "Length", "Selector")
        request |= {name: body[name] for name in ours if name in body}
        self.requests[number] = request
        if key is not None:
            self.known_keys[key] = number
        self.tell("request.created", Request=number, State="WAITING")
        self.match()
        return self._filed(number)

    def _filed(self, number: int) -> Response:
        told = self._explained(self.requests[number])
        return JSONResponse({"ReqID": number, "Explanation": told}, 201)

    async def list_requests(self, call: Call) -> Response:
        body = json.loads(call.scope["farm.body"])
        where = body["Filter"] or {}
        if "?" in where.get("Selector", ""):
            return _unreadable(where["Selector"])
        found = [
            r for r in self.requests.values() if r["State"] in where.get("States", [r["State"]])
        ]
        return _listed(found, len(found))

    async def show(self, call: Call) -> Response:
        request = self.requests.get(call.path_params["id"])
        return _missing("Request") if request is None else JSONResponse(request)

    async def update(self, call: Call) -> Response:
        request = self.requests.get(call.path_params["id"])
        if request is None:
            return _missing("Request")
        request |= json.loads(call.scope["farm.body"])
        return Response(status_code=204)

    async def explain(self, call: Call) -> Response:
        request = self.requests.get(call.path_params["id"])
        if request is None:
            return _missing("Request")
        return JSONResponse(self._explained(request))

    def _explained(self, request: Json) -> Json:
        waiting = [n for n, r in self.requests.items() if r["State"] == "WAITING"]
        position = waiting.index(request["ID"]) + 1 if request["ID"] in waiting else None
        words = {"ID": request["ID"], "State": request["State"], "Position": position}
        rest = {"Matching": {"RUNNING": 1}, "Holders": self.holders, "Text": "waits for its turn"}
        if self.cause is not None:
            rest["Cause"] = self.cause
        job = request["Job"]
        if job is not None:
            # As a server tells what does not wait (any more).
            rest = {"Cause": "none", "Standing": self.standing(request)}
        return words | rest

    def standing(self, request: Json) -> Json:
        """Return how a request stands that has, or had, a board."""
        worker = self.workers[request["Job"]["WorkerUUID"]]
        running = request["State"] == "IN PROGRESS"
        return {
            "Subject": "request",
            "State": request["State"],
            "Request": request["ID"],
            "Worker": worker["Name"] if running else None,
            "Until": request["Job"]["Timeout"] if running else None,
        }

    async def act(self, call: Call) -> Response:
        request = self.requests.get(call.path_params["id"])
        if request is None:
            return _missing("Request")
        action = call.path_params["action"]
        running = request["State"] == "IN PROGRESS"
        if action == "close" and (running or request["State"] == "WAITING"):
            self.finish(request["ID"], "DONE" if running else "CANCELLED")
            return Response(status_code=204)
        if action == "prolong" and running:
            request["Job"]["Timeout"] = format_time(datetime.now(UTC) + self.job_time)
            return Response(status_code=204)
        if action == "keepalive" and running:
            return Response(status_code=204)
        if action == "acquire_worker" and running:
            key = "" if "SSHKey" in request else self.board_key
            address = {"IP": "127.0.0.1", "Port": self.ssh_port, "Zone": ""}
            access = {"Addr": address, "Key": key, "Username": "boruta-user"}
            host_key = {} if self.host_key is None else {"HostKey": self.host_key}
            return JSONResponse(access | host_key)
        if action == "close":
            words = "invalid request: action cannot be executed in current state"
            return JSONResponse({"message": words, "Code": "wrong-request-state"}, 400)
        words = "invalid request: worker not assigned"
        return JSONResponse({"message": words, "Code": "worker-not-assigned"}, 400)

    async def list_workers(self, call: Call) -> Response:
        where = json.loads(call.scope["farm.body"])["Filter"] or {}
        caps = where.get("Capabilities", {}).items()
        found = [w for w in self.workers.values() if caps <= w["Caps"].items()]
        return _listed(found, len(found))

    async def show_worker(self, call: Call) -> Response:
        worker = self._worker(call)
        return _missing("Worker") if worker is None else JSONResponse(worker)

    async def count_orphans(self, call: Call) -> Response:
        if self._worker(call) is None:
            return _missing("Worker")
        return JSONResponse({"Count": self.orphans})

    async def act_on_worker(self, call: Call) -> Response:
        worker = self._worker(call)
        if worker is None:
            return _missing("Worker")
        action = call.path_params["action"]
        body = call.scope["farm.body"]
        if action == "setstate":
            wanted = json.loads(body)
            worker |= {"Reason": wanted["Reason"]} if "Reason" in wanted else {}
            state = "BUSY" if self.slow else wanted["WorkerState"]
            self.set_worker(worker["WorkerUUID"], state)
        elif action == "setgroups":
            worker["Groups"] = json.loads(body) or None
        elif action == "describe":
            worker |= json.loads(body)
        else:
            del self.workers[worker["WorkerUUID"]]
        return Response(status_code=204)

    async def events(self, call: Call) -> Response:
        return StreamingResponse(self._stream(call), media_type="text/event-stream")

    async def _stream(self, call: Call) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.queries.append(call.url.query)
        self.streams.append(queue)
        try:
            yield b"retry: 1000\n: listening\n\n"
            last = call.headers.get("last-event-id")
            if last is not None:
                for event in self.journal[int(last) :]:
                    yield _chunk(event)
            while (chunk := await queue.get()) is not None:
                yield chunk
        finally:
            self.streams.remove(queue)

    def _worker(self, call: Call) -> Json | None:
        name = call.path_params["name"]
        return next(
            (w for w in self.workers.values() if name in (w["WorkerUUID"], w["Name"])), None
        )


def _chunk(event: Json) -> bytes:
    return f"id: {event['Number']}\nevent: {event['Kind']}\ndata: {json.dumps(event)}\n\n".encode()


def _listed(items: list[Json], total: int) -> Response:
    headers = {"Boruta-List-Total": str(total), "Boruta-List-Remaining": "0"}
    return JSONResponse(items, headers=headers)


def _unreadable(selector: str) -> Response:
    column = selector.index("?") + 1
    words = f"invalid request: Selector, column {column}: '?' cannot stand here"
    return JSONResponse({"message": words, "Code": "bad-selector", "Column": column}, 400)


def _missing(what: str) -> Response:
    code = f"{what.lower()}-not-found"
    return JSONResponse({"message": f"{what} not found", "Code": code}, 404)
