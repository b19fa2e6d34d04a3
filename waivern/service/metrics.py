"""What this process has done since it started, as Prometheus metrics."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class ServiceMetrics:
    """Counters and histograms of one service; safe to be used from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._triggers = self._counter("waivern_triggers", "Scheduled times for which a run was queued")
        self._skipped = self._counter("waivern_triggers_skipped", "Scheduled times that were skipped")
        self._trigger_delay = self._histogram(
            "waivern_trigger_delay_seconds", "Time from the scheduled time until the run was queued"
        )
        self._start_delay = self._histogram(
            "waivern_start_delay_seconds", "Time from the scheduled time until the run started"
        )
        self._claimed = self._counter("waivern_attempts_started", "Run attempts started")
        self._finished = self._counter("waivern_attempts_finished", "Run attempts finished", "outcome")
        self._failed = self._counter("waivern_attempts_failed", "Run attempts that lost their worker", "status")
        self._killed = self._counter("waivern_processes_killed", "Run processes killed", "reason")
        self._database_errors = self._counter("waivern_database_errors", "Database requests that failed")
        self._notifications = self._counter("waivern_notifications", "Notification delivery attempts", "outcome")

    def triggered(self, delay_s: float) -> None:
        """Count a scheduled time for which a run was queued `delay_s` seconds later."""
        self._triggers.inc()
        self._trigger_delay.observe(delay_s)

    def skipped(self, number: int) -> None:
        """Count scheduled times that were skipped."""
        self._skipped.inc(number)

    def started(self, delay_s: float) -> None:
        """Count a run that started `delay_s` seconds after its scheduled time."""
        self._start_delay.observe(delay_s)

    def claimed(self) -> None:
        """Count a claimed run."""
        self._claimed.inc()

    def finished(self, outcome: str) -> None:
        """Count an attempt that was finished by its process."""
        self._finished.labels(outcome).inc()

    def attempt_failed(self, status: str) -> None:
        """Count an attempt whose worker was lost; `status` is the run's status now."""
        self._failed.labels(status).inc()

    def killed(self, reason: str) -> None:
        """Count a process that was killed."""
        self._killed.labels(reason).inc()

    def database_failed(self) -> None:
        """Count a request that the database did not answer."""
        self._database_errors.inc()

    def notified(self, outcome: str) -> None:
        """Count an attempt to deliver a notification: "delivered", "failed" or "abandoned"."""
        self._notifications.labels(outcome).inc()

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str) -> Histogram:
        return Histogram(name, documentation, registry=self.registry, buckets=_BUCKETS_S)
