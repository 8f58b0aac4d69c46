"""A web server for tests that answers as it is told to, also with lies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ImageServer(ThreadingHTTPServer):
    """Serve ``pages``: for each path status, headers and body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.stalled: dict[str, threading.Event] = {}

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path: str, body: bytes, length: int | None = None) -> str:
        """Serve a body, telling any length, and return its address."""
        told = len(body) if length is None else length
        self.pages[path] = (200, {"Content-Length": str(told)}, body)
        return f"{self.url}{path}"

    def stall(self, path: str, body: bytes) -> threading.Event:
        """Serve the first half of a body, and the rest when the event that is returned is set."""
        self.put(path, body)
        return self.stalled.setdefault(path, threading.Event())


class _Handler(BaseHTTPRequestHandler):
    server: ImageServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, headers, body = self.server.pages.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        half = len(body) // 2 if self.path in self.server.stalled else 0
        with suppress(ConnectionError):
            self.wfile.write(body[:half])
            if half:
                self.server.stalled[self.path].wait(60)
            self.wfile.write(body[half:])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def serving() -> Iterator[ImageServer]:
    """Run a server in a thread."""
    server = ImageServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
