"""Explaining a finding, wherever in the history it is."""

import pytest
import sqlalchemy as sa

from tests.database.findings.test_finding_history import entry, run_with
from tests.operations.findings.test_reading_without_write_permission import opened
from waivern.operations.findings.explain_finding import explain_finding


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_finding_is_explained_although_a_hundred_newer_runs_do_not_have_it(engine: sa.Engine) -> None:
    run_id = run_with(engine, [entry("a")])
    for _ in range(101):
        run_with(engine, [])
    with opened(f"sqlite:///{engine.url.database}") as application:
        explanation = explain_finding(application, "aaaaaa")
    assert (explanation.run.id, explanation.artifact_id, explanation.finding["rule"]) == (
        run_id,
        "found",
        "email_address",
    )
