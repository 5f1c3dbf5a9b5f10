"""The metrics: read from what each part counts, when somebody asks for them.

Every label is of a closed set; harpcallerd(8), "METRICS", explains each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from harpcaller import __version__
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.gateway.treatment import Requests
from harpcaller.meters import (
    ENDINGS,
    ClientMeters,
    CommitMeters,
    Histogram,
    ReportCounts,
    WorkerMeters,
)
from harpcaller.store import JobFilter
from protocol.errors import REQUEST_ERRORS
from protocol.job import State

_WAITING = JobFilter(state=State.QUEUED)


@attrs.frozen(kw_only=True)
class Sources:
    """Where the figures are."""

    dispatcher: Dispatcher
    commits: CommitMeters
    workers: WorkerMeters
    clients: ClientMeters
    count_lines: Callable[[], int]
    """How many clients are connected to the line listeners."""
    count_reports: Callable[[], ReportCounts]


class Exposition:
    """Writes all metrics, from a registry of its own.

    `count_http` gives the HTTP connections, and how many of them follow a stream.
    """

    def __init__(
        self,
        sources: Sources,
        requests: Requests,
        count_http: Callable[[], tuple[int, int]],
    ) -> None:
        self._sources = sources
        self._requests = requests
        self._count_http = count_http

    async def text(self) -> bytes:
        """Return the metrics of now, as OpenMetrics text."""
        store = self._sources.dispatcher.store
        counts = await store.counts()
        oldest = await store.jobs(_WAITING, None, 1)
        submitted_at = [job.submitted_at for job in oldest.jobs]
        waited_s = max(0.0, time.time() - submitted_at[0]) if submitted_at else 0.0
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(
            _Figures(
                sources=self._sources,
                counts=counts,
                oldest_wait_s=waited_s,
                requests=self._requests,
                http=self._count_http(),
            )
        )
        text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
        return text


@attrs.frozen(kw_only=True, eq=False)
class _Figures(Collector):
    """All figures of one moment."""

    sources: Sources
    counts: Mapping[State, int]
    oldest_wait_s: float
    requests: Requests
    http: tuple[int, int]

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        yield InfoMetricFamily(
            "harpcaller_build", "What runs", {"version": __version__}
        )
        yield from self._of_jobs()
        yield from self._of_followers()
        yield from self._of_fed_jobs()
        yield from self._of_store()
        yield from self._of_clients()
        yield from self._of_workers()

    def _of_jobs(self) -> Iterator[Metric]:
        meters = self.sources.dispatcher.meters
        jobs = GaugeMetricFamily("harpcaller_jobs", "Jobs kept", labels=["state"])
        for state in State:
            jobs.add_metric([state.value], self.counts.get(state, 0))
        yield jobs
        yield GaugeMetricFamily(
            "harpcaller_queue_depth",
            "Jobs that wait, in all queues and without one",
            self.counts.get(State.QUEUED, 0),
        )
        yield GaugeMetricFamily(
            "harpcaller_queue_oldest_wait_seconds",
            "How long the oldest waiting job has waited",
            self.oldest_wait_s,
        )
        ends = CounterMetricFamily(
            "harpcaller_jobs_ended", "Jobs by how they ended", labels=["outcome"]
        )
        for ending in ENDINGS:
            ends.add_metric([ending], meters.ends[ending])
        yield ends
        yield _histogram(
            "harpcaller_job_wait_seconds", "From submission to start", meters.waits_s
        )
        yield _histogram(
            "harpcaller_job_run_seconds", "From start to end", meters.runs_s
        )

    def _of_followers(self) -> Iterator[Metric]:
        followers = self.sources.dispatcher.followers
        yield GaugeMetricFamily(
            "harpcaller_followers", "Clients that follow a stream", len(followers)
        )
        yield GaugeMetricFamily(
            "harpcaller_follower_lag_packets",
            "How many packets the slowest follower is behind",
            max((follower.lag for follower in followers), default=0),
        )

    def _of_fed_jobs(self) -> Iterator[Metric]:
        external = self.sources.dispatcher.external
        yield GaugeMetricFamily(
            "harpcaller_fed_jobs", "Jobs that are fed and go on", external.live_count
        )
        updates = CounterMetricFamily(
            "harpcaller_fed_updates", "What became of updates", labels=["word"]
        )
        for word, count in external.words.items():
            updates.add_metric([word], count)
        yield updates

    def _of_store(self) -> Iterator[Metric]:
        commits = self.sources.commits
        yield _histogram(
            "harpcaller_store_commit_seconds",
            "Transactions, their sync included",
            commits.commits_s,
        )
        yield _histogram(
            "harpcaller_store_batch_size", "Writes that share one", commits.batches
        )

    def _of_clients(self) -> Iterator[Metric]:
        clients = self.sources.clients
        connections = GaugeMetricFamily(
            "harpcaller_connections", "Clients that are connected", labels=["kind"]
        )
        connections.add_metric(["lines"], self.sources.count_lines())
        connections.add_metric(["http"], self.http[0])
        yield connections
        accepts = CounterMetricFamily(
            "harpcaller_accept_errors", "Connections not taken in", labels=["reason"]
        )
        accepts.add_metric(["aborted"], clients.accepts.aborted)
        accepts.add_metric(["failed"], clients.accepts.failed)
        yield accepts
        refused = CounterMetricFamily(
            "harpcaller_lines_refused", "Error lines to clients", labels=["type"]
        )
        for word in sorted(REQUEST_ERRORS):
            refused.add_metric([word.value], clients.refusals.counts[word])
        yield refused
        yield from self._of_requests()
        yield from self._of_reports()

    def _of_reports(self) -> Iterator[Metric]:
        counts = self.sources.count_reports()
        yield GaugeMetricFamily(
            "harpcaller_report_backlog",
            "Messages that monitors have not taken yet",
            counts.backlog,
        )
        dropped = CounterMetricFamily(
            "harpcaller_reports_dropped",
            "Messages that no monitor will be told",
            labels=["reason"],
        )
        dropped.add_metric(["full"], counts.dropped)
        dropped.add_metric(["refused"], counts.refused)
        yield dropped

    def _of_requests(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "harpcaller_http_followers",
            "Those of HTTP that follow a stream",
            self.http[1],
        )
        requests = CounterMetricFamily(
            "harpcaller_http_requests",
            "HTTP requests answered",
            labels=["route", "method", "code"],
        )
        for (route, method, code), count in self.requests.counts.items():
            requests.add_metric([route, method, str(code)], count)
        yield requests
        durations = HistogramMetricFamily(
            "harpcaller_http_request_seconds",
            "How long they took",
            labels=["route", "method", "code"],
        )
        for (route, method, code), values in self.requests.durations_s.items():
            durations.add_metric(
                [route, method, str(code)], _buckets(values), values.total
            )
        yield durations

    def _of_workers(self) -> Iterator[Metric]:
        workers = self.sources.workers
        yield _histogram(
            "harpcaller_worker_connect_seconds",
            "New connections to workers, handshake included",
            workers.connects_s,
        )
        yield CounterMetricFamily(
            "harpcaller_worker_connect_failures",
            "Connections that could not be had",
            workers.failed,
        )
        yield CounterMetricFamily(
            "harpcaller_worker_connections_reused",
            "Calls on a connection that was kept",
            workers.reused,
        )
        yield _histogram(
            "harpcaller_worker_ack_seconds",
            "From the request to its acknowledgement",
            workers.acks_s,
        )


def _histogram(name: str, told: str, values: Histogram) -> HistogramMetricFamily:
    """Return a histogram without labels."""
    return HistogramMetricFamily(
        name, told, buckets=_buckets(values), sum_value=values.total
    )


def _buckets(values: Histogram) -> list[tuple[str, float]]:
    """Return the form of the wire: each bucket holds those before it."""
    counts = accumulate(values.counts)
    bounds = [*(str(float(bound)) for bound in values.bounds), "+Inf"]
    return list(zip(bounds, counts, strict=True))
