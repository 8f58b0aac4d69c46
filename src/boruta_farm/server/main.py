"""`boruta serve`: the server as a process."""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import uvicorn
from starlette.types import ASGIApp

from boruta_farm.access.cipher import AesGcmCipher
from boruta_farm.access.listening import allow_many_files, listen
from boruta_farm.clock import SystemClock
from boruta_farm.model.addresses import Network, mapped, with_port
from boruta_farm.model.errors import ConfigError
from boruta_farm.server import logs
from boruta_farm.server.assembly import Server, user_authority
from boruta_farm.server.config import Config
from boruta_farm.server.folder import DataFolder
from boruta_farm.server.front_door import serve_locally
from boruta_farm.server.http.bounds import Crowd
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.hosts import Hosts
from boruta_farm.server.http.port import http_protocol
from boruta_farm.server.invitation import login_line
from boruta_farm.server.sign_ins import check_sign_ins
from boruta_farm.server.supervision import keep_running
from boruta_farm.server.tls import Certificates
from boruta_farm.store.factory import open_store
from boruta_farm.watchdog import Watchdog
from boruta_farm.web.app import WebApp

logger = logging.getLogger(__name__)

BACKLOG = 2048
GC_THRESHOLDS = (50_000, 50, 50)
"""Garbage collection is most of the slowest answers' time: run it seldom, over little."""
STOP_WITHIN = 5
"""Seconds that answers under way get when the server stops."""


def serve(config: Config) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError and StoreError before it serves."""
    logs.configure(config.log_format, config.log_level)
    watchdog = Watchdog()
    allow_many_files()
    certificates = _certificates(config)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen("api_addr", *config.api_addr))
        rpc_listener = None
        if config.rpc_addr is not None:
            rpc_listener = stack.enter_context(_listen("rpc_addr", *config.rpc_addr))
        # Port 0 means one that the system chose; boards must not name it as theirs.
        config = replace(config, api_addr=listener.getsockname()[:2])
        runner = stack.enter_context(asyncio.Runner(loop_factory=_loop_factory()))
        runner.run(_serve(config, listener, rpc_listener, certificates, watchdog))


def check(config: Config, *, folder: bool = True) -> None:
    """Refuse what ``run`` would refuse at start, in its words, and make or change nothing.

    ``folder`` False leaves the data folder out, where somebody else makes it before the start.

    A server that runs meanwhile is no trouble: ports in use are taken to be its. Whether the
    database answers and is not newer is left to the start. Raises ConfigError and StoreError.
    """
    _certificates(config)
    check_sign_ins(config)
    for name, address in (("api_addr", config.api_addr), ("rpc_addr", config.rpc_addr)):
        if address is not None:
            _try(name, *address)
    if folder:
        DataFolder(config.data).check()
        AesGcmCipher.check(config.data)
    user_authority(config)
    if config.database:
        open_store(config.database, SystemClock(), config.farm_settings())


def _certificates(config: Config) -> Certificates | None:
    if config.tls_certificate is None or config.tls_key is None:
        return None
    return Certificates(config.tls_certificate, config.tls_key, SystemClock())


async def _serve(
    config: Config,
    listener: socket.socket,
    rpc_listener: socket.socket | None,
    certificates: Certificates | None,
    watchdog: Watchdog,
) -> None:
    server = Server(config, rpc_listener)
    app = await server.open()
    _welcome(await server.first_token(), config)
    parts = [asyncio.create_task(server.run())]
    scheme = "http"
    if certificates is not None:
        scheme = "https"
        parts.append(asyncio.create_task(keep_running("certificates", certificates.watch)))
    _take_hang_ups(certificates)
    try:
        place = with_port(*listener.getsockname()[:2])
        logger.info("serving on %s://%s, data in %s", scheme, place, config.data)
        _tune_collector()
        async with watchdog.serving():
            await HttpServer(app, config, certificates, server.local).serve(sockets=[listener])
    finally:
        for part in parts:
            part.cancel()
        for part in parts:
            with contextlib.suppress(asyncio.CancelledError):
                await part
        await server.close()
        logger.info("stopped")


def _take_hang_ups(certificates: Certificates | None) -> None:
    """Have SIGHUP read the certificate anew, and never end a server that has no terminal.

    A server in a terminal ends with it, unless it has a certificate to read.
    """
    loop = asyncio.get_running_loop()
    if certificates is not None:
        loop.add_signal_handler(signal.SIGHUP, certificates.look_now)
    elif sys.stdin is None or not sys.stdin.isatty():
        loop.add_signal_handler(signal.SIGHUP, logger.info, "SIGHUP: there is no certificate")


def _welcome(token: str | None, config: Config) -> None:
    """Show the first admin's one-time token on standard output, past the log."""
    if token is not None:
        sys.stdout.write(
            "Nobody has signed in here yet. Within an hour, sign in as admin:\n\n"
            f"    {login_line(config)}\n\n"
            f"and paste this one-time token when asked:\n\n    {token}\n\n"
        )
        sys.stdout.flush()


class HttpServer(uvicorn.Server):
    """Uvicorn, telling the application first that the server stops, so that streams end."""

    def __init__(
        self,
        app: WebApp,
        settings: Config,
        certificates: Certificates | None,
        local: ASGIApp | None = None,
    ) -> None:
        self._app = app
        self._local = local
        self._data = settings.data
        bounds = settings.bounds()
        door = Door(
            bounds=bounds,
            crowd=Crowd(bounds, settings.trusted_proxies),
            hosts=Hosts(
                settings.public_names,
                tuple if certificates is None else lambda: certificates.names,
            ),
            data=settings.data,
        )
        super().__init__(
            uvicorn.Config(
                app,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=_as_seen(settings.trusted_proxies),
                http=http_protocol(door, None if certificates is None else certificates.context),
                ws="none",
                # What swells, and takes 64 KiB for each: neither agents nor the page need it.
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_WITHIN,
                ws_max_size=1 << 20,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, also at the local socket where there is something to be served."""
        await super().startup(sockets)
        if self._local is not None:
            self.servers.append(await serve_locally(self._local, self._data, self.server_state))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then everything else."""
        self._app.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM without raising them again afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _as_seen(networks: Iterable[Network]) -> list[str]:
    """Return networks in every spelling that their callers' addresses have on our sockets."""
    return [
        str(network)
        for each in networks
        for network in ((each, mapped(each)) if isinstance(each, IPv4Network) else (each,))
    ]


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _listen(setting: str, host: str, port: int) -> socket.socket:
    """Bind a setting's port. Raises ConfigError naming it when that is not possible."""
    try:
        return listen(host, port, BACKLOG)
    except OSError as error:
        raise _unusable(setting, host, port, error) from None


def _try(setting: str, host: str, port: int) -> None:
    """Refuse a port that ``_listen`` would refuse; one in use is taken to be the server's own."""
    try:
        listen(host, port, BACKLOG).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise _unusable(setting, host, port, error) from None


def _unusable(setting: str, host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"{setting}: {with_port(host, port)} cannot be used ({error.strerror}); "
        f"choose another with --{setting.replace('_', '-')}"
    )


def _tune_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
