"""Real services as child processes, and what their runs did."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.faulty_components import install
from waivern.bootstrap import build_application
from waivern.operations.application import Application
from waivern.schedules.schedule import Schedule, ScheduleDefinition
from waivern.schedules.timing import Timing
from waivern.settings import Settings


@dataclass(frozen=True)
class Installation:
    """A database, a folder of runbooks, and the plug-in with the faulty components."""

    folder: Path
    database_url: str
    lease_s: float = 30.0

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @contextmanager
    def application(self) -> Iterator[Application]:
        built = build_application(Settings(database_url=self.database_url, lease_seconds=self.lease_s))
        try:
            yield built
        finally:
            built.close()

    def runbook(self, name: str, artifacts: Mapping[str, Any], **config: Any) -> Path:
        """Write a runbook of `faulty` components: by artifact id its properties, with `inputs` among them."""
        path = self.folder / f"{name}.yaml"
        made = {artifact: self._artifact(artifact, dict(properties)) for artifact, properties in artifacts.items()}
        path.write_text(json.dumps({"name": name, "description": "a test", "config": config, "artifacts": made}))
        return path

    def _artifact(self, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        inputs = properties.pop("inputs", None)
        component = {"type": "faulty", "properties": {"name": name, "journal": str(self.journal), **properties}}
        return {"inputs": inputs, "process": component} if inputs else {"source": component}

    def schedule(self, runbook: Path, timing: Timing, *, name: str = "often", **terms: Any) -> Schedule:
        definition = ScheduleDefinition(name=name, runbook=runbook, runbook_name=runbook.stem, timing=timing, **terms)
        with self.application() as application:
            return application.storage.schedules.add(definition, caller=CALLER)

    def environment(self) -> dict[str, str]:
        plug_in = install(self.folder / "plug_in")
        path = os.pathsep.join([str(plug_in), str(Path(__file__).parents[2])])
        return {
            **os.environ,
            "PYTHONPATH": path,
            "WAIVERN_DATABASE_URL": self.database_url,
            "WAIVERN_LEASE_SECONDS": str(self.lease_s),
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `waivern serve` or `waivern worker`; its output goes to a file in the folder."""
        number = len(list(self.folder.glob("service-*.log")))
        with (self.folder / f"service-{number}.log").open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "waivern", *arguments],
                stderr=log,
                stdout=log,
                text=True,
                env=self.environment(),
                cwd=self.folder,
            )

    @contextmanager
    def service(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a service within the block, and stop it afterwards."""
        process = self.start(*(arguments or ("serve", "--workers", "1")))
        try:
            self.wait_until_serving(process)
            yield process
        finally:
            stop(process)

    def wait_until_serving(self, process: "subprocess.Popen[str]") -> None:
        def is_registered() -> bool:
            assert process.poll() is None, self.logs()
            with self.application() as application:
                services = application.storage.services.status().services
            return any(running.pid == process.pid and running.is_alive for running in services)

        eventually(is_registered, within_s=60)

    def logs(self) -> str:
        """Return what all services have logged."""
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("service-*.log")))

    def journal_entries(self) -> list[dict[str, Any]]:
        """Return the entries that components wrote to the journal, oldest first."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def start_counts(self) -> Counter[str]:
        return Counter(entry["name"] for entry in self.journal_entries() if entry["what"] == "begins")

    def query(self, statement: str, **values: Any) -> Sequence[Any]:
        """Run a SQL query on the database."""
        engine = sa.create_engine(self.database_url, poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                return connection.execute(sa.text(statement), values).all()
        finally:
            engine.dispose()


def stop(process: "subprocess.Popen[str]", *, number: int = signal.SIGTERM, within_s: float = 40) -> int:
    """Stop a service, unless it has already ended; return its exit code. If it does not stop, kill it and fail."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def eventually(
    condition: Callable[[], object], *, within_s: float = 30, details: Callable[[], str] = lambda: ""
) -> None:
    """Wait until a condition holds; otherwise fail with the details."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, details()
        time.sleep(0.02)


def this_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
