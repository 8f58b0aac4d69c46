"""The whole server put together: store, farm, link, boards, relay, API."""

import asyncio
import logging
import secrets
import socket
from dataclasses import replace
from typing import NoReturn

from boruta_farm import __version__
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.cipher import KEY_FILE, AesGcmCipher
from boruta_farm.access.host_authority import HostAuthority
from boruta_farm.access.keys import RsaKeyPool
from boruta_farm.access.link import stop_relay
from boruta_farm.access.sites import Sites
from boruta_farm.access.tunnels import Tunnels
from boruta_farm.access.user_authority import UserAuthority
from boruta_farm.access.wishes import OutboundStreams
from boruta_farm.boards.certificates import HostCertificates
from boruta_farm.boards.confirmation import Confirmation
from boruta_farm.boards.fenced import Fenced
from boruta_farm.boards.idling import Idling, Uses
from boruta_farm.boards.presence import Presence
from boruta_farm.boards.recovery import Recovery
from boruta_farm.boards.revocation import Revocation
from boruta_farm.boards.rounds import HealthRounds, RoundsConfig
from boruta_farm.boards.runner import Policy, Runner
from boruta_farm.boards.unfenced import Unfenced
from boruta_farm.clock import SystemClock, synchronised
from boruta_farm.core import idling
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.gorpc.dryad import GoDialler
from boruta_farm.gorpc.superviser import GoSuperviser
from boruta_farm.link.server import Hub
from boruta_farm.metrics.exposition import Metrics, Sources
from boruta_farm.model.addresses import with_port
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.front_door import DoorSettings, FrontDoorPlace
from boruta_farm.model.webhook import purpose_of, read_secret
from boruta_farm.model.worker import Fence
from boruta_farm.notify.delivery import Deliveries
from boruta_farm.notify.guard import AddressGuard
from boruta_farm.notify.notices import Notices
from boruta_farm.server.config import Config
from boruta_farm.server.folder import DATABASE_FILE, OWED_FILE, DataFolder
from boruta_farm.server.front_door import FrontDoor, stop_doors
from boruta_farm.server.sign_ins import open_sign_ins
from boruta_farm.server.sites import places
from boruta_farm.server.supervision import Leadership, LoopWatch, Part, keep_running
from boruta_farm.store.factory import open_store
from boruta_farm.store.owed import OwedFile
from boruta_farm.terminals.line import TerminalLine
from boruta_farm.terminals.terminals import BoardTerminals
from boruta_farm.web.app import WebApp, build_app
from boruta_farm.web.auth import People
from boruta_farm.web.front_door import FrontDoorApp
from boruta_farm.web.metrics import Traffic
from boruta_farm.web.services import Services, WebOptions

logger = logging.getLogger(__name__)

KEY_MARK = "key"
"""Names the mark of the farm's secret key beside its records."""


def this_boot() -> str:
    """Return what changes with every boot; at every start where the machine does not tell it."""
    try:
        return read_boot_id()
    except OSError as error:
        logger.warning(
            "which boot this is cannot be read (%s), so the farm's time begins with the wall clock "
            "at every start; let the service read /proc/sys",
            error,
        )
        return secrets.token_hex(16)


def user_authority(config: Config) -> UserAuthority | None:
    """Return who judges people's certificates, if anybody. Raises ConfigError for useless files."""
    if config.ssh_user_ca is None:
        return None
    authority = UserAuthority(config.ssh_user_ca, config.ssh_user_revoked)
    authority.check()
    return authority


class Server:
    """Everything but the listening socket: ``open``, then ``run``, then ``close``."""

    def __init__(self, config: Config, rpc_listener: socket.socket | None = None) -> None:
        """Take the settings, and the bound socket for boards over Go RPC, if they may come."""
        self._config = config
        self._rpc_listener = rpc_listener
        self._clock = SystemClock()
        self._folder = DataFolder(config.data)
        self._watch = LoopWatch(self._clock)
        self._front_door: FrontDoor | None = None
        self._authority: HostAuthority | None = None
        self.local: FrontDoorApp | None = None
        """What is served at the local socket, where there is a front door."""

    async def open(self) -> WebApp:
        """Open data and database and return the API, which may serve at once.

        Raises ConfigError and StoreError in words for the person who started the server.
        """
        config, clock, settings = self._config, self._clock, self._config.farm_settings()
        self._folder.open()
        cipher = AesGcmCipher.load(config.data)
        self._store = open_store(config.database or config.data / DATABASE_FILE, clock, settings)
        await self._store.start()
        await self._agree_on_key(cipher.mark)
        self._hub = Hub(clock)
        self._farm = AssembledFarm(
            self._store,
            settings,
            clock,
            cipher,
            self._hub,
            users=config.users,
            boot=this_boot(),
            trusted=synchronised,
        )
        farm = self._farm
        self._owed = OwedFile(config.data / OWED_FILE)
        farm.keep_owed(self._owed, self._owed.open())
        await farm.timekeeper.begin()
        await farm.directory.load()
        for names in await farm.alike():
            logger.warning(
                "%s differ in case or blanks alone: an earlier version took them for different "
                "ones, and they go on as such; remove or rename all but one",
                " and ".join(map(repr, names)),
            )
        self._hub.attach(farm.superviser, farm.reports)
        self._pool = RsaKeyPool(config.keys_ready)
        tunnels_at = config.tunnel_address or config.api_addr[0]
        self._relay = RelayClient(
            config.data,
            tunnels_at,
            clock,
            start=config.start_relay,
            streams=config.streams(),
            bounds=config.tunnel_bounds(),
        )
        farm.relay = self._relay
        self._relay.on_change(farm.matcher.look)
        self._sites = Sites(self._relay, places(config.sites), clock, config.tunnel_bounds())
        farm.reached_at = self._sites.address
        self._tunnels = Tunnels(farm.fleet, self._sites, farm.reports, settings)
        self._hub.on_sessions = self._tunnels.signed_in
        uses = Uses(
            farm.fleet,
            farm.reports,
            clock,
            lambda request, now: idling.to_be_noted(request, settings, now),
        )
        self._relay.on_used = self._sites.on_used = uses.hear
        streams = OutboundStreams(self._hub, self._relay)
        self._traffic = traffic = Traffic()
        dialler = GoDialler(lambda: traffic.served)
        fleet, reports = farm.fleet, farm.stewards_reports
        keys_and_doors = self._pool, self._tunnels
        check_first = bool(config.rpc_healthcheck)
        policies: dict[Fence, Policy] = {
            Fence.AGENT: Fenced(fleet, reports, *keys_and_doors, clock, settings.ready_timeout),
            Fence.NONE: Unfenced(fleet, reports, *keys_and_doors, dialler, check_first=check_first),
        }
        self._parts: dict[str, Part] = {
            "loop watch": self._watch.beat,
            "matcher": farm.matcher.keep_matching,
            "owed ends": farm.run_owed,
            "directory": farm.directory.follow,
            "fleet": fleet.follow,
            "key pool": self._pool.fill,
            "tunnels": self._tunnels.follow,
            "outbound streams": streams.serve,
            "uses": uses.note,
            "revocation": Revocation(fleet, self._hub).follow,
        }
        if self._folder.sign is not None:
            self._parts["data folder"] = self._folder.sign.keep_renewing
        self._leading_parts: dict[str, Part] = {
            "timekeeper": farm.timekeeper.keep_time,
            "ticker": farm.ticker.tick,
            "judging": farm.judging.follow,
            "sealer": farm.sealer.keep_sealing,
            "cutter": farm.cutter.keep_cutting,
            "history cutter": farm.history_cutter.keep_cutting,
            "board runner": Runner(fleet, reports, policies).attend,
            "presence": Presence(fleet, reports, clock, settings.lost_grace).watch,
            "confirmation": Confirmation(fleet, reports, self._tunnels, clock).watch,
            "idling": Idling(
                fleet,
                reports,
                clock,
                lambda request, now: idling.is_idle(request, settings, now),
                farm.matcher.wanted,
            ).watch,
            "recovery": Recovery(fleet, reports, dialler).retry,
            "health rounds": HealthRounds(
                fleet, dialler, reports, clock, _rounds_config(config)
            ).go_round,
        }
        self._leadership = Leadership(lambda: self._store.leading)
        self._store.on_lead(self._leadership.look)
        deliveries = Deliveries(clock, AddressGuard(config.notify_allow))
        self._parts["webhooks"] = deliveries.deliver
        self._leading_parts["notices"] = Notices(
            farm.feed,
            deliveries,
            clock,
            farm.directory.account,
            self._worker_name,
            lambda account: cipher.derive(purpose_of(account)),
            self._own_webhook(),
        ).follow
        self._metrics = Metrics(self._sources(), clock)
        self._terminals = None
        if config.browser_terminal:
            self._terminals = BoardTerminals(
                farm.requests,
                tunnels_at,
                forbidden_groups=frozenset(config.browser_terminal_forbidden),
                elsewhere=self._terminal_line,
            )
        self._sign_ins = open_sign_ins(config, farm.tokens, cipher, clock)
        if self._sign_ins is not None:
            self._leading_parts["sign-ins"] = self._sign_ins.keep_judging
        services = self._services()
        self._app = build_app(services, self._options())
        if config.ssh_addr is not None:
            self._authority = HostAuthority(cipher)
            certificates = HostCertificates(fleet, self._authority, clock, config.want_kinds)
            self._front_door = FrontDoor(config.data, config.ssh_addr, start=config.start_door)
            self._parts["front door"] = self._front_door.keep_at_hand
            self.local = FrontDoorApp(
                self._app,
                services.requests,
                services.people,
                self._app.entrance,
                clock,
                self._door_settings,
                certificates.vouch,
                farm.requests.open_to,
                user_authority(config),
                config.ssh_principals,
            )
        self._go_superviser = GoSuperviser(
            farm.superviser,
            farm.workers,
            farm.reports,
            allow=config.rpc_allow,
            own_ports=self._own_port,
            public_ip=config.public_address,
            places=config.rpc_places(),
            served=lambda: traffic.served,
        )
        if self._rpc_listener is not None:
            await self._go_superviser.listen(self._rpc_listener)
            logger.warning(
                "boards may register over Go RPC at %s, which has no authentication: let only "
                "boards reach it",
                with_port(*self._rpc_listener.getsockname()[:2]),
            )
        return self._app

    async def run(self) -> NoReturn:
        """Run every part until cancelled; one that fails starts over and is told in the log."""
        async with asyncio.TaskGroup() as group:
            for name, part in self._parts.items():
                group.create_task(keep_running(name, part))
            for name, part in self._leading_parts.items():
                group.create_task(self._leadership.keep_running(name, part))
        raise AssertionError("parts end only by cancellation")

    async def close(self) -> None:
        """Write what was accepted and release the data; the relay lives on unless told not to."""
        await self._go_superviser.close()
        if self._terminals is not None:
            await self._terminals.close()
        await self._hub.close()
        if self._sign_ins is not None:
            await self._sign_ins.close()
        if not self._config.keep_relay:
            await stop_doors(self._config.data)
            await stop_relay(self._config.data)
        await self._store.close()
        self._owed.close()
        self._folder.close()

    async def first_token(self) -> str | None:
        """Return a one-time token for the first admin, None once somebody has signed in.

        For a person's eyes: whoever calls shows it and forgets it.
        """
        if not self._config.users:
            return None
        issued = await self._farm.tokens.begin()
        return None if issued is None else issued.secret

    def health(self) -> str | None:
        """Return None while writer, matcher, ticker, loop and relay do their work, else words."""
        now = self._clock.now()
        return (
            self._store.alive(now)
            or self._farm.matcher.alive(now)
            or (self._farm.ticker.alive(now) if self._store.leading else None)
            or self._watch.alive()
            or self._tunnels.alive()
        )

    async def _agree_on_key(self, mark: str) -> None:
        """See that all servers of a database seal with one key. Raises ConfigError.

        A server that leads is the only one, or the first: its key counts.
        """
        kept = await self._store.mark(KEY_MARK)
        if kept == mark:
            return
        if not self._store.leading:
            raise ConfigError(
                f"{self._config.data / KEY_FILE} is not the key of this farm's other servers; "
                f"copy {KEY_FILE} from the data folder of one of them, then start again"
            )
        if kept is not None:
            logger.warning(
                "%s is another key than before: keys that were handed out for running jobs "
                "cannot be shown again",
                self._config.data / KEY_FILE,
            )
        await self._store.execute(lambda transaction, _now: transaction.keep_mark(KEY_MARK, mark))

    def _worker_name(self, uuid: str) -> str | None:
        worker = self._farm.fleet.workers.get(uuid)
        return None if worker is None else worker.name

    def _own_webhook(self) -> tuple[str, bytes] | None:
        url, secret = self._config.notify, self._config.notify_secret
        return None if url is None or secret is None else (url, read_secret(secret))

    def _own_port(self, port: int) -> bool:
        """Tell whether a port of this machine is the API's or a tunnel's."""
        first, last = self._config.tunnel_ports
        return port == self._config.api_addr[1] or first <= port <= last

    def _sources(self) -> Sources:
        return Sources(
            version=__version__,
            fleet=self._farm.fleet,
            store=self._store,
            answered=self._traffic,
            relay=self._relay,
            connections=self._tunnels.connections,
            health=self.health,
            leads=lambda: self._store.leading,
            sites=lambda: self._sites.connected,
        )

    async def _terminal_line(self) -> TerminalLine | None:
        """Return a line to the door at hand, which outlives this process."""
        return None if self._front_door is None else await self._front_door.terminal_line()

    def _door(self) -> FrontDoorPlace | None:
        """Return where the front door at hand is."""
        greeting = None if self._front_door is None else self._front_door.greeting
        if greeting is None:
            return None
        authority = None if self._authority is None else self._authority.public
        return FrontDoorPlace(port=greeting.port, key=greeting.key, authority=authority)

    def _door_settings(self) -> DoorSettings:
        settings = self._config.door_settings(self._config.tunnels_reached_at)
        return (
            settings
            if self._authority is None
            else replace(settings, authority=self._authority.public)
        )

    def _services(self) -> Services:
        return Services(
            door=self._door,
            requests=self._farm.requests,
            workers=self._farm.workers,
            consoles=self._farm.consoles,
            hub=self._hub,
            feed=self._farm.feed,
            events=self._store.events,
            clock=self._clock,
            health=self.health,
            time=self._farm.timekeeper,
            people=People(
                gate=self._farm.directory,
                accounts=self._farm.accounts,
                tokens=self._farm.tokens,
                audit=self._farm.audit,
            ),
            version=__version__,
            traffic=self._traffic,
            metrics=self._metrics.write,
            servers=lambda: self._store.servers,
            at_risk=self._store.at_risk,
            terminals=self._terminals,
            tunnels_at=self._config.tunnels_reached_at,
            sign_ins=self._sign_ins,
            sites=self._sites,
        )

    def _options(self) -> WebOptions:
        return WebOptions(
            public_address=self._config.public_address or None,
            cors_origins=self._config.cors_origins,
            calls_per_source=self._config.calls_per_source,
            calls_per_account=self._config.calls_per_account,
            body_timeout=self._config.body_patience.total_seconds(),
            event_streams=self._config.event_streams,
            event_streams_per_source=self._config.event_streams_per_source,
            event_streams_per_account=self._config.event_streams_per_account,
        )


def _rounds_config(config: Config) -> RoundsConfig:
    return RoundsConfig(
        every=config.health_every,
        failures=config.health_failures,
        test_idle_after=config.test_idle_after,
        test_unfenced_after=config.rpc_healthcheck,
    )
