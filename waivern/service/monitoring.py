"""Serves `/healthz` and `/metrics` of a service over HTTP."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from waivern import __version__
from waivern.errors import UsageError, WaivernError
from waivern.runs.service_store import Status
from waivern.service.health import HealthProblem
from waivern.service.metrics import ServiceMetrics

_CLIENT_TIMEOUT_S = 5


class Monitor:
    """An HTTP server in threads of its own.

    Args:
        read_status: Reads the status of the installation from the database.
        metrics: What this process has done.
        find_problems: Returns what is wrong with this process; nothing if it is healthy. Only a serious problem makes
            `/healthz` answer 503: a restart repairs no runbook.
    """

    def __init__(
        self,
        *,
        read_status: Callable[[], Status],
        metrics: ServiceMetrics,
        find_problems: Callable[[], Sequence[HealthProblem]],
    ) -> None:
        self._metrics = metrics
        self._find_problems = find_problems
        metrics.registry.register(_InstallationMetrics(read_status))

    def start(self, host: str, port: int) -> int:
        """Start to answer; return the port, which is a free one if `port` is 0.

        Raises:
            UsageError: the address cannot be bound.
        """
        handler = type(
            "Handler", (_Handler,), {"pages": {"/healthz": self._health_page, "/metrics": self._metrics_page}}
        )
        try:
            server = (_IPv6Server if ":" in host else ThreadingHTTPServer)((host, port), handler)
        except OSError as error:
            raise UsageError(
                f"Cannot listen on {host}:{port}: {error.strerror}", remedy="Choose a different --metrics-port"
            ) from None
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="waivern-monitor", daemon=True).start()
        return int(server.server_address[1])

    def _health_page(self) -> tuple[HTTPStatus, str, bytes]:
        problems = self._find_problems()
        is_serious = any(problem.is_serious for problem in problems)
        status = "unhealthy" if is_serious else "degraded" if problems else "ok"
        health = {"status": status, "version": __version__, "problems": [problem.text for problem in problems]}
        code = HTTPStatus.SERVICE_UNAVAILABLE if is_serious else HTTPStatus.OK
        return code, "application/json", json.dumps(health).encode()

    def _metrics_page(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._metrics.registry)


class _IPv6Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class _InstallationMetrics(Collector):
    """Metrics of the whole installation, read from the database at each scrape."""

    def __init__(self, read_status: Callable[[], Status]) -> None:
        self._read_status = read_status

    def describe(self) -> Iterator[Metric]:
        """Describe nothing in advance: that would query the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            status = self._read_status()
        except WaivernError:
            yield GaugeMetricFamily("waivern_database_up", "Whether the database is available", value=0)
            return
        yield GaugeMetricFamily("waivern_database_up", "Whether the database is available", value=1)
        waiting_s = 0.0 if status.oldest_queued_at is None else (status.now - status.oldest_queued_at).total_seconds()
        yield GaugeMetricFamily("waivern_queued_runs", "Runs waiting for a worker", value=status.queued)
        yield GaugeMetricFamily(
            "waivern_oldest_queued_seconds", "Waiting time of the oldest queued run", value=waiting_s
        )
        yield GaugeMetricFamily("waivern_running_runs", "Runs being executed", value=len(status.running))
        yield GaugeMetricFamily("waivern_schedules", "Active schedules", value=status.schedules)
        alive = GaugeMetricFamily("waivern_services_alive", "Services with a recent heartbeat", labels=["kind"])
        for kind in ("serve", "worker"):
            alive.add_metric([kind], sum(service.is_alive and service.kind == kind for service in status.services))
        yield alive


class _Handler(BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]]] = {}
    timeout = _CLIENT_TIMEOUT_S

    def version_string(self) -> str:
        return "Waivern"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        missing = (HTTPStatus.NOT_FOUND, "text/plain", b"There are /healthz and /metrics\n")
        code, media_type, body = page() if page is not None else missing
        self.send_response(code)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Log no line per request."""
