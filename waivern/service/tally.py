"""What this process has done since it started, in Prometheus' counters."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SOON_AND_LATE_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Tally:
    """Counts. Safe to be called from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._fires = self._counter("waivern_fires", "Due instants that became runs")
        self._skipped = self._counter("waivern_fires_skipped", "Due instants that became no run")
        self._fire_lateness = self._histogram(
            "waivern_fire_lateness_seconds", "From a due instant to its run's queueing"
        )
        self._start_lateness = self._histogram(
            "waivern_start_lateness_seconds", "From a due instant to its run's start"
        )
        self._claimed = self._counter("waivern_runs_claimed", "Attempts at runs that began here")
        self._ended = self._counter("waivern_runs_ended", "Attempts that ended by themselves", "outcome")
        self._lost = self._counter("waivern_runs_lost", "Attempts whose worker was lost", "status")
        self._killed = self._counter("waivern_runs_killed", "Processes that were ended by force", "reason")
        self._database_errors = self._counter("waivern_database_errors", "Times that the database did not answer")
        self._notices = self._counter("waivern_notices", "Notices that were tried to be sent", "outcome")

    def fired(self, lateness_s: float) -> None:
        """Note that a due instant became a run, so many seconds after it."""
        self._fires.inc()
        self._fire_lateness.observe(lateness_s)

    def skipped(self, number: int) -> None:
        """Note that so many due instants became no run."""
        self._skipped.inc(number)

    def started(self, lateness_s: float) -> None:
        """Note that a run began, so many seconds after it was due."""
        self._start_lateness.observe(lateness_s)

    def claimed(self) -> None:
        """Note that a run was claimed."""
        self._claimed.inc()

    def ended(self, outcome: str) -> None:
        """Note that the process of a run is through with it."""
        self._ended.labels(outcome).inc()

    def lost(self, status: str) -> None:
        """Note that a worker was lost; `status` is what became of its run."""
        self._lost.labels(status).inc()

    def killed(self, reason: str) -> None:
        """Note that a process was ended by force."""
        self._killed.labels(reason).inc()

    def database_failed(self) -> None:
        """Note that the database did not answer."""
        self._database_errors.inc()

    def noticed(self, outcome: str) -> None:
        """Note that a notice was sent, failed, or was given up."""
        self._notices.labels(outcome).inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str) -> Histogram:
        return Histogram(name, what, registry=self.registry, buckets=_SOON_AND_LATE_S)
