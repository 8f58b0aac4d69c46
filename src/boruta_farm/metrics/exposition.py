"""Everything that is counted, as Prometheus reads it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest

from boruta_farm.clock import Clock
from boruta_farm.fleet import Fleet
from boruta_farm.histogram import Histogram
from boruta_farm.metrics.lending import Lending
from boruta_farm.model.events import Change, EventKind
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import Fence, WorkerState
from boruta_farm.store.base import FarmSize, Store

FRESH_SECONDS = 1.0
"""For so long what was written once is handed to others who ask: a million waiting requests take a
tenth of a second to count."""

TOLD = (
    EventKind.REQUEST_CREATED,
    EventKind.REQUEST_OPENING,
    EventKind.REQUEST_STARTED,
    EventKind.REQUEST_REQUEUED,
    EventKind.REQUEST_PROLONGED,
    EventKind.REQUEST_FINISHED,
    EventKind.WORKER_REGISTERED,
    EventKind.WORKER_LOST,
    EventKind.WORKER_BACK,
    EventKind.WORKER_DISPUTED,
    EventKind.CLOCK_STEPPED,
)
"""Events that are told from the start, with 0: an alert on one that never was must find it."""

Labels = tuple[str, ...]


class AnswerFigures(Protocol):
    """What was answered over HTTP: by route, method and status, in seconds."""

    @property
    def answers(self) -> Mapping[tuple[str, str, int], Histogram]:
        """Return the histograms of all that were given."""
        ...

    @property
    def streams(self) -> int:
        """Return how many event streams are open."""
        ...


class RelayHealth(Protocol):
    """The relay, as far as figures go."""

    def alive(self) -> str | None:
        """Return None while it does its work, else words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Carry everything that is asked for figures.

    ``followed`` is the newest event that followers were told of, ``connections`` how many
    connections a board's tunnel has, ``leads`` whether this server is the one that grants boards,
    ``sites`` of each site whether its relay is connected.
    """

    version: str
    fleet: Fleet
    store: Store
    answered: AnswerFigures
    relay: RelayHealth
    connections: Callable[[str], int]
    health: Callable[[], str | None]
    leads: Callable[[], bool] = lambda: True
    sites: Callable[[], Mapping[str, bool]] = dict


class Metrics:
    """Write all figures in Prometheus' text form."""

    def __init__(self, sources: Sources, clock: Clock) -> None:
        self._sources = sources
        self._clock = clock
        self._lending = Lending()
        self._followed = 0
        self._writing = asyncio.Lock()
        self._written = b""
        self._good_until = -inf
        sources.store.listen(self._hear)

    async def write(self) -> bytes:
        """Return the text; one is made at a time, and serves all who ask meanwhile.

        Raises UnavailableError while the database cannot be read.
        """
        async with self._writing:
            if self._clock.monotonic() >= self._good_until:
                farm_size = await self._sources.store.farm_size()
                self._written = generate_latest(_Once(self._families(farm_size)))
                self._good_until = self._clock.monotonic() + FRESH_SECONDS
            return self._written

    def _hear(self, changes: tuple[Change, ...]) -> None:
        self._lending.hear(changes)
        if changes:
            self._followed = changes[-1].event.number

    def _families(self, farm_size: FarmSize) -> Iterator[Metric]:
        sources = self._sources
        yield _gauges("boruta_build_info", "What runs.", ("version",), [((sources.version,), 1)])
        trouble = sources.health()
        yield _gauge("boruta_healthy", "1 while the farm moves on, as /healthz tells.", not trouble)
        yield _gauge(
            "boruta_relay_healthy", "1 while users reach boards.", not sources.relay.alive()
        )
        yield _gauges(
            "boruta_site_relay",
            "1 while a site's relay is connected.",
            ("site",),
            (((site,), int(there)) for site, there in sources.sites().items()),
        )
        yield _gauge("boruta_leader", "1 on the server that grants boards.", sources.leads())
        yield from self._boards()
        yield from _requests(farm_size)
        yield from self._lent()
        yield from _answers(sources.answered)
        yield from self._store(farm_size)

    def _boards(self) -> Iterator[Metric]:
        fleet = self._sources.fleet
        states = Counter(worker.state for worker in fleet.workers.values())
        fenced = [uuid for uuid, worker in fleet.workers.items() if worker.fence is Fence.AGENT]
        yield _gauges(
            "boruta_workers",
            "Registered boards by state.",
            ("state",),
            (((state.value,), states[state]) for state in WorkerState),
        )
        yield _gauge(
            "boruta_agents_connected",
            "Agents that can be called now.",
            sum(fleet.link(uuid) is not None for uuid in fenced),
        )
        yield _gauge("boruta_agents", "Registered boards that have an agent.", len(fenced))
        yield _gauge(
            "boruta_tunnel_connections",
            "Connections of users through boards' tunnels.",
            sum(self._sources.connections(uuid) for uuid in fleet.holders),
        )

    def _lent(self) -> Iterator[Metric]:
        lending = self._lending
        yield _counters(
            "boruta_events",
            "What happened, by kind.",
            ("kind",),
            (((kind.value,), lending.events[kind]) for kind in TOLD),
        )
        yield _counters(
            "boruta_requests_finished",
            "Requests that ended, by final state.",
            ("state",),
            (((state.value,), lending.finished[state]) for state in RequestState if state.finished),
        )
        yield _counters(
            "boruta_worker_failures",
            "Boards that failed, by the state in which they did.",
            ("during",),
            (((state.value,), lending.failures[state]) for state in WorkerState),
        )
        yield _histogram(
            "boruta_request_waiting_seconds",
            "From when a request was filed and valid until its job began.",
            ((), lending.waited),
        )
        yield _histogram(
            "boruta_worker_preparation_seconds",
            "From PREPARE to IDLE: cleaned, proved and keyed.",
            ((), lending.prepared),
        )
        yield _histogram("boruta_job_seconds", "How long boards were lent.", ((), lending.lent))

    def _store(self, farm_size: FarmSize) -> Iterator[Metric]:
        written = self._sources.store.written
        yield _histogram(
            "boruta_commit_seconds",
            "From the begin of a batch of commands until it was committed.",
            ((), written.seconds),
        )
        yield _histogram("boruta_batch_commands", "Commands of a batch.", ((), written.commands))
        yield _gauge("boruta_database_bytes", "Size of the database.", farm_size.size)
        yield _gauge("boruta_last_event", "Number of the newest event.", farm_size.last_event)
        # Before anything was heard there is nothing to be behind of.
        behind = farm_size.last_event - self._followed if self._followed else 0
        yield _gauge("boruta_event_lag", "Events this server has yet to hear of.", max(0, behind))


class _Once:
    """Hand a registry's place to families that were made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> tuple[Metric, ...]:
        return self._families


def _requests(farm_size: FarmSize) -> Iterator[Metric]:
    yield _gauges(
        "boruta_requests",
        "Unfinished requests by state and priority.",
        ("state", "priority"),
        (
            ((state.value, str(level)), many)
            for (state, level), many in farm_size.unfinished.items()
        ),
    )
    yield _gauges(
        "boruta_requests_kept",
        "Finished requests that are kept, by state.",
        ("state",),
        (((state.value,), many) for state, many in farm_size.finished.items()),
    )


def _answers(answered: AnswerFigures) -> Iterator[Metric]:
    totals: dict[Labels, Histogram] = {}
    counted = []
    for (method, route, status), histogram in answered.answers.items():
        counted.append(((method, route, str(status)), sum(histogram.counts)))
        totals.setdefault((method, route), Histogram(histogram.bounds)).add(histogram)
    yield _counters(
        "boruta_http_answers",
        "Answers over HTTP by route and status.",
        ("method", "route", "status"),
        counted,
    )
    yield _histogram(
        "boruta_http_seconds",
        "From a call's head until its answer was made; streams count when they begin.",
        *totals.items(),
        labels=("method", "route"),
    )
    yield _gauge("boruta_event_streams", "Open event streams.", answered.streams)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value)


def _gauges(
    name: str, words: str, labels: Labels, values: Iterable[tuple[Labels, float]]
) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family


def _counters(
    name: str, words: str, labels: Labels, values: Iterable[tuple[Labels, float]]
) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family


def _histogram(
    name: str, words: str, *histograms: tuple[Labels, Histogram], labels: Labels = ()
) -> Metric:
    family = HistogramMetricFamily(name, words, labels=labels)
    for named, histogram in histograms:
        bounds = (*map(_bound, histogram.bounds), "+Inf")
        buckets = list(zip(bounds, map(float, histogram.cumulative()), strict=True))
        family.add_metric(named, buckets, histogram.total)
    return family


def _bound(bound: float) -> str:
    return str(float(bound))
