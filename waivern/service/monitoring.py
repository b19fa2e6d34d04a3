"""`/healthz` and `/metrics`, for whatever watches over a service."""

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
from waivern.runs.service_register import Status
from waivern.service.tally import Tally

_SLOW_CLIENT_S = 5


class Monitor:
    """Answers over HTTP, in threads of its own.

    Args:
        read_status: Asks the database how the installation stands.
        tally: What this process has done.
        service_is_well: What is wrong with this process; nothing where all is well.
    """

    def __init__(
        self, *, read_status: Callable[[], Status], tally: Tally, service_is_well: Callable[[], Sequence[str]]
    ) -> None:
        self._tally = tally
        self._complaints = service_is_well
        self._server: ThreadingHTTPServer | None = None
        tally.registry.register(_Installation(read_status))

    def start(self, host: str, port: int) -> int:
        """Begin to answer; return the port, which is a free one where 0 was asked for.

        Raises:
            UsageError: the address cannot be had.
        """
        handler = type("Handler", (_Handler,), {"pages": {"/healthz": self._health, "/metrics": self._metrics}})
        try:
            self._server = (_OnIPv6 if ":" in host else ThreadingHTTPServer)((host, port), handler)
        except OSError as error:
            raise UsageError(
                f"Nothing can be answered on {host}:{port}: {error.strerror}", remedy="Give another --metrics-port"
            ) from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="waivern-monitor", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _health(self) -> tuple[HTTPStatus, str, bytes]:
        complaints = list(self._complaints())
        said = {"status": "unwell" if complaints else "ok", "version": __version__, "complaints": complaints}
        code = HTTPStatus.SERVICE_UNAVAILABLE if complaints else HTTPStatus.OK
        return code, "application/json", json.dumps(said).encode()

    def _metrics(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._tally.registry)


class _OnIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class _Installation(Collector):
    """What all services share: asked of the database when somebody looks."""

    def __init__(self, read_status: Callable[[], Status]) -> None:
        self._read_status = read_status

    def describe(self) -> Iterator[Metric]:
        """Say nothing beforehand: that would ask the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            status = self._read_status()
        except WaivernError:
            yield GaugeMetricFamily("waivern_database_up", "Whether the database answers", value=0)
            return
        yield GaugeMetricFamily("waivern_database_up", "Whether the database answers", value=1)
        oldest = 0.0 if status.oldest_queued_at is None else (status.now - status.oldest_queued_at).total_seconds()
        yield GaugeMetricFamily("waivern_queued_runs", "Runs that wait for a worker", value=status.queued)
        yield GaugeMetricFamily("waivern_oldest_queued_seconds", "How long the oldest of them has waited", value=oldest)
        yield GaugeMetricFamily("waivern_running_runs", "Runs that are going on", value=len(status.running))
        yield GaugeMetricFamily("waivern_schedules", "Schedules that are active", value=status.schedules)
        alive = GaugeMetricFamily("waivern_services_alive", "Services that give signs of life", labels=["kind"])
        for kind in ("serve", "worker"):
            alive.add_metric([kind], sum(each.is_alive and each.kind == kind for each in status.services))
        yield alive


class _Handler(BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]]] = {}
    timeout = _SLOW_CLIENT_S

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
        """Write no line for each question."""
