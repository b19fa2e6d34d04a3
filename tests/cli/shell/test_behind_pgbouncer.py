"""Everything works behind a pgbouncer with transaction pooling."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.builders.faulty_services import eventually, stop
from tests.cli.conftest import Outcome
from tests.servers.pgbouncer import pgbouncer

RUNBOOK = {
    "name": "Letters",
    "description": "for a test",
    "schedule": {"every": "1s"},
    "artifacts": {
        "letters": {"source": {"type": "filesystem", "properties": {"path": "letters"}}},
        "found": {"inputs": ["letters"], "process": {"type": "personal_data"}, "output": True},
    },
}


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url) as url:
        yield url


def test_runs_schedules_findings_and_proofs_work_behind_a_pooler(
    folder: Path,
    pooled_url: str,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[..., Outcome],
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    monkeypatch.setenv("WAIVERN_DATABASE_URL", pooled_url)
    letters = folder / "books" / "letters"
    letters.mkdir(parents=True)
    (letters / "one.txt").write_text("Write to ann.smith@example.com or call.")
    runbook = folder / "books" / "letters.yaml"
    runbook.write_text(yaml.safe_dump(RUNBOOK))

    def done(*arguments: str) -> str:
        outcome = ask(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome.out

    def succeeded() -> set[str]:
        return {run["trigger"] for run in json.loads(done("history", "--format", "json", "--status", "succeeded"))}

    done("db", "upgrade")
    done("plan", str(runbook))
    for _ in range(2):
        done("run", str(runbook))
    with start("serve", "--runbooks", "books") as process:
        try:
            eventually(lambda: "schedule" in succeeded())
        finally:
            code = stop(process)
        assert code == 0
    findings = json.loads(done("findings", "--format", "json"))
    assert [found["rule"] for found in findings] == ["email_address"]
    done("verify")
