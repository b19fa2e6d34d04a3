"""The timeout of runs whose runbook sets none."""

from pathlib import Path

import pytest
import yaml

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.servers.databases import sqlite_url
from waivern.bootstrap import build_application
from waivern.errors import UsageError
from waivern.operations.runs.execute_claimed import execute_claimed_run
from waivern.operations.runs.execute_run import execute_run
from waivern.operations.runs.run_request import RunListener, RunRequest, StartedRun
from waivern.runs.run_store import NewRun
from waivern.settings import Settings

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("setting", "by_hand", "in_service"),
    [(None, None, DAY_S), ("auto", None, DAY_S), ("never", None, None), ("6h", 21_600.0, 21_600.0), ("90", 90.0, 90.0)],
)
def test_the_setting_applies_to_runs_by_hand_and_in_a_service(
    setting: str | None, by_hand: float | None, in_service: float | None
) -> None:
    settings = Settings.from_environment({} if setting is None else {"WAIVERN_DEFAULT_TIMEOUT": setting})
    assert (settings.timeout_s, settings.service_timeout_s) == (by_hand, in_service)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "6 parsecs", "400d", "nan", "inf", "never ever"])
def test_an_invalid_default_timeout_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="WAIVERN_DEFAULT_TIMEOUT='.*' is not valid"):
        Settings.from_environment({"WAIVERN_DEFAULT_TIMEOUT": value})


@pytest.mark.parametrize(("own", "expected"), [(None, (None, DAY_S)), (77, (77.0, 77.0))])
def test_a_run_has_the_timeout_of_its_runbook_or_the_default(
    tmp_path: Path, own: int | None, expected: tuple[float | None, float]
) -> None:
    source = {"source": {"type": "filesystem", "properties": {"path": "scan.yaml"}}}
    config = {} if own is None else {"config": {"timeout": own}}
    runbook = tmp_path / "scan.yaml"
    runbook.write_text(yaml.safe_dump({"name": "Scan", "description": "d", **config, "artifacts": {"a": source}}))
    started: list[StartedRun] = []
    listener = RunListener(started=started.append)
    with migrated(sqlite_url(tmp_path)):
        application = build_application(Settings(database_url=sqlite_url(tmp_path)), environment={})
        execute_run(application, RunRequest(runbook), caller=CALLER, listener=listener)
        application.storage.runs.enqueue(NewRun(runbook, "Scan", "trigger"))
        claimed = application.storage.runs.claim()
        assert claimed is not None
        execute_claimed_run(application, claimed, caller=CALLER, listener=listener)
        recent = application.storage.history.find(claimed.run_id)
        application.close()
    by_hand, in_service = (run.plan.runbook.config.timeout for run in started)
    assert (by_hand, in_service) == expected
    assert recent.deadline is not None
