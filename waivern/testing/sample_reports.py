"""Sample reports for tests: of a run with something of everything, of a failed run, and of given findings."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from waivern.exports.model.report import NotScanned, PartiallyScanned, PastRun, Report, ReportedRule
from waivern.exports.model.reported_finding import Evidence, Location, ReportedFinding
from waivern.history.comparison import Change, Comparison, Difference, Reason
from waivern.history.decisions import Decision, Verdict
from waivern.history.finding import Finding
from waivern.history.run_records import ArtifactCounts, ArtifactRecord, RunRecord
from waivern.runs.run import ArtifactStatus, RunStatus, SkipReason

_START = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
_RULESET = "local/personal_data_indicator/1.0.0"


def sample_run(number: int = 2, *, status: RunStatus = RunStatus.SUCCEEDED, **overrides: Any) -> RunRecord:
    """Return a run that started on the `number`-th night."""
    started = _START + timedelta(days=number)
    fields: dict[str, Any] = {
        "id": f"01a214b7-9e00-7000-8000-{number:012x}",
        "runbook": "Nightly scan",
        "runbook_digest": "0" * 64,
        "status": status,
        "trigger": "schedule",
        "schedule": "nightly",
        "due_at": started,
        "created_at": started,
        "started_at": started + timedelta(milliseconds=3),
        "ended_at": started + timedelta(seconds=12, milliseconds=500),
        "epoch": 1,
        "worker": None,
        "error": None,
        "artifacts": ArtifactCounts(total=4, succeeded=2, failed=1, skipped=1),
        **overrides,
    }
    return RunRecord(**fields)


def sample_finding(name: str = "a", **overrides: Any) -> Finding:
    """Return a finding whose fingerprint repeats `name`."""
    fields: dict[str, Any] = {
        "fingerprint": (name * 32)[:32],
        "rule": "email_address",
        "category": "email",
        "severity": "medium",
        "special_category": None,
        "source": "./files",
        "location": f"{name}.txt",
        "confidence": 0.95,
        "match_count": 2,
        **overrides,
    }
    return Finding(**fields)


def sample_report(
    findings: Iterable[ReportedFinding] | None = None, *, run: RunRecord | None = None, **overrides: Any
) -> Report:
    """Return a report with something of everything; `findings` and `overrides` replace parts of it."""
    fields: dict[str, Any] = {
        "run": run or sample_run(),
        "artifacts": _artifacts(),
        "findings": _findings() if findings is None else findings,
        "description": "Personal data in the shop",
        "contact": "DPO <dpo@example.org>",
        "framework": "GDPR",
        "rules": _rules(),
        "not_scanned": [NotScanned("files", "logo.png", "binary: a PNG image")],
        "partially_scanned": [
            PartiallyScanned("database", "orders", 40, 60, "a value present in 1 % of rows is missed with p < 0.34")
        ],
        "comparison": _comparison(),
        "past_runs": [
            PastRun(sample_run(1), {"medium": 2, "high": 1}),
            PastRun(sample_run(2), {"medium": 1, "critical": 1, "low": 1}),
        ],
        **overrides,
    }
    return Report(**fields)


def failed_report() -> Report:
    """Return the report of a run that timed out and found nothing."""
    run = sample_run(status=RunStatus.TIMED_OUT, error="The deadline has passed")
    return sample_report([], run=run, comparison=None, past_runs=[])


def empty_report() -> Report:
    """Return the report of a run that failed before it produced or compared anything."""
    run = sample_run(status=RunStatus.FAILED, runbook_digest=None, artifacts=ArtifactCounts())
    return Report(run=run, artifacts=(), findings=())


def _findings() -> Sequence[ReportedFinding]:
    accepted = Decision(
        Verdict.ACCEPTED, reason="Test data", owner="Ann", fingerprint="b" * 32, until=date(2027, 1, 31)
    )
    file = sample_finding("a")
    column = sample_finding(
        "b",
        rule="payment_card",
        category="payment_card",
        severity="critical",
        source="shop.db",
        location="orders.payment",
    )
    pruned = sample_finding("c", rule="ip_address", category="ip_address", severity="low", special_category=False)
    return [
        ReportedFinding(
            file,
            ("personal_data",),
            Location("a.txt", lines=(3, 7)),
            (Evidence("a****@*******.***", 3), Evidence("b**@*******.***", 7)),
            ("the value matches the pattern 'address'",),
            _RULESET,
            Change.NEW,
            Reason.DATA,
        ),
        ReportedFinding(
            column,
            ("personal_data", "classified"),
            Location(table="orders", column="payment"),
            (Evidence("4*** **** **** ****"),),
            (),
            _RULESET,
            Change.CHANGED,
            Reason.RULES,
            decision=accepted,
        ),
        ReportedFinding(pruned, ("personal_data",), Location(), None, (), None, Change.UNCHANGED),
    ]


def _rules() -> Sequence[ReportedRule]:
    return [
        ReportedRule("email_address", _RULESET, "1.0.0+abc", "email", "medium", "", "RFC 5321; GDPR recital 30"),
        ReportedRule("payment_card", _RULESET, "1.0.0+abc", "payment_card", "high", "Card numbers.", "ISO/IEC 7812-1"),
        ReportedRule("vat_number", _RULESET, "1.0.0+abc", "tax", "medium", "", "Directive 2006/112/EC"),
    ]


def _comparison() -> Comparison:
    no_longer_found = sample_finding("d", location="old.txt")
    unknown = sample_finding("e", location="logo.png")
    return Comparison(
        sample_run(1),
        sample_run(2),
        [
            Difference(Change.NEW, sample_finding("a"), Reason.DATA),
            Difference(Change.FIXED, no_longer_found, Reason.DATA, before=no_longer_found),
            Difference(Change.UNKNOWN, unknown, Reason.SCOPE, before=unknown, because="logo.png: binary: a PNG image"),
        ],
    )


def _artifacts() -> Sequence[ArtifactRecord]:
    return [
        sample_artifact("files", component="filesystem", kind="source"),
        sample_artifact("database", component="sqlite", kind="source"),
        sample_artifact("personal_data", inputs=("files", "database"), output=True),
        sample_artifact(
            "archive",
            status=ArtifactStatus.FAILED,
            kind="source",
            error="The path 'archive' does not exist",
            optional=True,
        ),
        sample_artifact(
            "archived",
            status=ArtifactStatus.SKIPPED,
            inputs=("archive",),
            skipped_because="archive",
            skip_reason=SkipReason.DEPENDENCY_FAILED,
        ),
    ]


def sample_artifact(artifact_id: str, **overrides: Any) -> ArtifactRecord:
    """Return a succeeded artifact, unless `overrides` says otherwise."""
    fields: dict[str, Any] = {
        "artifact_id": artifact_id,
        "kind": "process",
        "component": "personal_data",
        "status": ArtifactStatus.SUCCEEDED,
        "epoch": 1,
        "schema": "standard_input/1.0.0",
        "inputs": (),
        "aliases": (),
        "started_at": _START + timedelta(days=2, seconds=1),
        "ended_at": _START + timedelta(days=2, seconds=2),
        "skip_reason": None,
        "skipped_because": None,
        "error": None,
        "output": False,
        "optional": False,
        "digest": "1" * 64,
        "size": 1024,
        "overview": None,
        **overrides,
    }
    if fields["status"] is not ArtifactStatus.SUCCEEDED:
        fields.update(digest=None, size=None, schema=None)
    if fields["status"] is ArtifactStatus.SKIPPED:
        fields.update(started_at=None, ended_at=None)
    return ArtifactRecord(**fields)
