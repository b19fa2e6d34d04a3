"""Reading findings, runs and decisions on a database that this user must not write."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.database.findings.test_finding_history import entry, run_with
from waivern.bootstrap import build_application
from waivern.database.connection import sqlite_opening
from waivern.database.connection.engine import writing
from waivern.database.decisions.decision_log import SqlDecisionLog
from waivern.errors import DatabaseUnavailableError, DecisionError
from waivern.history.current_findings import FindingFilter
from waivern.history.decisions import Decision, Verdict
from waivern.history.run_records import RunFilter
from waivern.operations.application import Application
from waivern.operations.findings.compare_runs import compare_runs
from waivern.operations.findings.decide import decide
from waivern.operations.findings.decision_status import list_inactive_decisions
from waivern.operations.findings.explain_finding import explain_finding
from waivern.operations.findings.find_findings import list_findings, show_finding
from waivern.operations.history.show_history import show_history, show_run
from waivern.settings import Settings

A = "a" * 32
TODAY = datetime.now(UTC).date()


@pytest.fixture
def scanned(engine: sa.Engine) -> sa.Engine:
    """Return a database with two runs and an expired decision."""
    run_with(engine, [entry("a"), entry("b")])
    run_with(engine, [entry("a", count=2)])
    expired = Decision(Verdict.SUPPRESSED, "why", "who", fingerprint=A, until=TODAY - timedelta(days=1))
    SqlDecisionLog(engine).decide(expired, caller=CALLER)
    return engine


def read_everything(application: Application) -> None:
    assert len(list_findings(application, FindingFilter(), limit=9)) == 2
    assert show_finding(application, A).evidence is not None
    assert explain_finding(application, A[:8]).finding["fingerprint"] == A
    assert [entry.decision.fingerprint for entry in list_inactive_decisions(application, None)] == [A]
    newest, oldest = show_history(application, RunFilter(), limit=9)
    assert compare_runs(application, oldest.id, newest.id).counts()["fixed"] == 1
    assert show_run(application, "latest").run.id == newest.id
    with pytest.raises(DecisionError, match="neither suppressed nor accepted"):
        decide(application, Verdict.REOPENED, A, reason="why", owner="who", caller=CALLER)
    with pytest.raises(DatabaseUnavailableError):
        decide(application, Verdict.SUPPRESSED, A, reason="why", owner="who", caller=CALLER)


@contextmanager
def opened(url: str) -> Iterator[Application]:
    application = build_application(Settings(database_url=url), environment={}, may_create=False)
    try:
        yield application
    finally:
        application.close()


@contextmanager
def reading_role(engine: sa.Engine) -> Iterator[str]:
    """Yield the URL with which a role that has only the privilege SELECT uses the database."""
    role = f"reader_{uuid.uuid4().hex}"
    with writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        yield engine.url.update_query_dict({"options": f"-c role={role}"}).render_as_string(hide_password=False)
    finally:
        with writing(engine) as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def test_reading_works_for_a_role_that_can_only_select(scanned: sa.Engine) -> None:
    if scanned.dialect.name != "postgresql":
        pytest.skip("SQLite has no roles")
    with reading_role(scanned) as url, opened(url) as application:
        read_everything(application)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("url", ["sqlite:///file:{path}?mode=ro&uri=true", "sqlite:///{path}?mode=ro"])
def test_reading_works_on_a_file_opened_with_mode_ro(scanned: sa.Engine, url: str) -> None:
    with opened(url.format(path=scanned.url.database)) as application:
        read_everything(application)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reading_works_on_a_copy_in_a_folder_that_cannot_be_written(
    scanned: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned.dispose()
    copy = tmp_path / "copy" / "waivern copy.db"
    copy.parent.mkdir()
    shutil.copy(str(scanned.url.database), copy)
    copy.chmod(0o400)
    monkeypatch.setattr(sqlite_opening.os, "access", lambda path, mode: False)
    with opened(f"sqlite:///{copy}") as application:
        read_everything(application)
    assert [file.name for file in copy.parent.iterdir()] == ["waivern copy.db"]
