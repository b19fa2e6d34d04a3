"""Installations on both databases to measure and to disturb, and the summary of a list of durations."""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.builders.faulty_services import Installation
from tests.builders.installations import migrated
from tests.servers.databases import fresh_postgres_database, postgres_server, sqlite_url

DATABASES = ("SQLite", "Postgres")


@contextmanager
def installation_on(database: str, *, lease_s: float = 30.0) -> Iterator[Installation]:
    """Create a migrated database and a folder for runbooks; both are deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as name:
        folder = Path(name)
        if database == "SQLite":
            with migrated(sqlite_url(folder)):
                yield Installation(folder, sqlite_url(folder), lease_s)
        else:
            with postgres_server() as server, fresh_postgres_database(server) as url:
                with migrated(url):
                    pass
                yield Installation(folder, url, lease_s)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def middle_and_worst(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum."""
    return statistics.median(values), percentile(values, 0.99), max(values)
