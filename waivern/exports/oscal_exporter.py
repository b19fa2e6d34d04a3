"""OSCAL (NIST), Assessment Results 1.1: what was observed, by rule, and what could not be assessed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from waivern import __version__
from waivern.exports.encoding.formatting import count, words
from waivern.exports.encoding.json_encoding import as_json, drop_empty, in_chunks, listed, stable_uuid
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import PROJECT, Report, ReportedRule, rule_id
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.comparison import Change

_VERSION = "1.1.3"
_PROPERTIES = f"{PROJECT}/ns/oscal"
_MOST_REMARKED = 2_000


class OscalExporter(Exporter):
    """An observation a finding, a finding a rule: not satisfied where it found something, satisfied where it did not.

    Where something was not looked at, no rule is satisfied that found nothing: that it would have is not known.
    """

    endings = ("json",)

    @classmethod
    def get_name(cls) -> str:
        return "oscal"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/oscal+json"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(_written(report))


def _written(report: Report) -> Iterator[bytes]:
    """The observations are written as they come; the findings refer to them, so they stand behind."""
    ids = _Ids(report)
    found: dict[str, list[str]] = {}
    head = {
        "uuid": ids.of("assessment-results"),
        "metadata": _metadata(report),
        "import-ap": {
            "href": f"urn:uuid:{ids.of('assessment-plan')}",
            "remarks": "The runbook takes the place of a plan",
        },
    }
    yield b'{"assessment-results":' + as_json(head)[:-1] + b',"results":['
    yield as_json(_result(report, ids))[:-1] + b',"observations":'
    yield from listed(_observations(report, ids, found))
    judged = list(_findings(report, ids, found))
    if judged:  # the array may not be empty
        yield b',"findings":'
        yield from listed(judged)
    yield b"}]}}\n"


class _Ids:
    """UUIDs that are the same in each export of a run."""

    def __init__(self, report: Report) -> None:
        self._run = report.run.id

    def of(self, *names: str) -> str:
        return str(stable_uuid("oscal", self._run, *names))


def _metadata(report: Report) -> Mapping[str, Any]:
    return {
        "title": f"Assessment results of {_line(report.run.runbook)}",
        "last-modified": _instant(report.run.ended_at or report.run.created_at),
        "version": report.run.id,
        "oscal-version": _VERSION,
        "props": _properties(
            tool="Waivern", tool_version=__version__, framework=report.framework, contact=report.contact
        ),
    }


def _result(report: Report, ids: _Ids) -> Mapping[str, Any]:
    run = report.run
    return drop_empty(
        uuid=ids.of("result"),
        title=f"Run {run.id}",
        description=report.description or run.runbook,
        start=_instant(run.started_at or run.created_at),
        end=_instant(run.ended_at or run.created_at),
        props=_properties(status=run.status.value, complete=str(report.is_complete).lower()),
        remarks=report.incomplete_reason,
        **{"reviewed-controls": {"control-selections": [{"description": "The rules of the run", "include-all": {}}]}},
    )


def _observations(report: Report, ids: _Ids, found: dict[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    """Yield one of each finding, noting them by rule; then of what was not looked at. There is one at the least."""
    for reported in report.findings:
        uuid = ids.of("observation", reported.finding.fingerprint)
        found.setdefault(rule_id(reported.ruleset, reported.finding.rule), []).append(uuid)
        yield _observation(report, reported, uuid)
    yield _coverage(report, ids)


def _observation(report: Report, reported: ReportedFinding, uuid: str) -> Mapping[str, Any]:
    finding, decision = reported.finding, reported.decision
    samples = [
        {"description": f"Line {each.line}: {each.content}" if each.line else each.content or "(empty)"}
        for each in reported.evidence or ()
    ]
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    times = count(finding.match_count, "time")
    return drop_empty(
        uuid=uuid,
        title=_line(f"{words(finding.rule)} in {finding.location or finding.source}"),
        description=f"{words(finding.rule)}, {times}, {finding.confidence:.0%} sure, at {where}",
        props=_properties(
            fingerprint=finding.fingerprint,
            category=finding.category,
            severity=finding.severity,
            change=None if reported.change is None else reported.change.value,
            decision=None if decision is None else decision.verdict.value,
        ),
        methods=["TEST-AUTOMATED"],
        types=["finding"],
        collected=_instant(report.run.ended_at or report.run.created_at),
        remarks=None if decision is None else f"{decision.verdict.value} by {decision.owner}: {decision.reason}",
        **({"relevant-evidence": samples} if samples else {}),
    )


def _coverage(report: Report, ids: _Ids) -> Mapping[str, Any]:
    told = [f"{each.artifact_id}: {each.status.value}" for each in report.not_made]
    told += [f"{each.what}: {each.why}" for each in report.left_out]
    told += [f"{each.what}: read {each.read:,} of {each.of:,}" for each in report.in_part]
    told += [f"{each.finding.fingerprint}: {each.because}" for each in report.gone(Change.UNKNOWN)]
    beyond = len(told) - _MOST_REMARKED
    shown = [*told[:_MOST_REMARKED], *([f"and {beyond:,} more, which the format json names"] if beyond > 0 else [])]
    return drop_empty(
        uuid=ids.of("coverage"),
        title="What was not looked at",
        description=f"Not looked at, or only in part: {count(len(told), 'thing')}",
        methods=["TEST-AUTOMATED"],
        types=["not-scanned"],
        collected=_instant(report.run.ended_at or report.run.created_at),
        remarks="\n".join(shown),
    )


def _findings(report: Report, ids: _Ids, found: Mapping[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    rules = {rule.id: rule for rule in report.rules}
    everything = report.is_complete and not (report.not_made or report.left_out or report.in_part)
    for name in dict.fromkeys([*found, *(rules if everything else ())]):
        yield _finding(name, rules.get(name), ids, found.get(name, []))


def _finding(name: str, rule: ReportedRule | None, ids: _Ids, observations: list[str]) -> Mapping[str, Any]:
    state = "not-satisfied" if observations else "satisfied"
    reason = "fail" if observations else "pass"
    return drop_empty(
        uuid=ids.of("finding", name),
        title=_line(words(name.split("/")[-1])),
        description=_said(rule, len(observations)),
        props=[] if rule is None else _properties(category=rule.category, severity=rule.severity, ruleset=rule.ruleset),
        target={"type": "objective-id", "target-id": _token(name), "status": {"state": state, "reason": reason}},
        **{"related-observations": [{"observation-uuid": each} for each in observations]},
    )


def _said(rule: ReportedRule | None, number: int) -> str:
    told = f"Found {count(number, 'time')}." if number else "Not found."
    if rule is None:
        return told
    return " ".join(part for part in (told, rule.description, f"Source: {rule.source}." if rule.source else "") if part)


def _properties(**said: str | None) -> list[Mapping[str, str]]:
    """OSCAL's values are single lines without blanks around them, and none is empty."""
    named = {name.replace("_", "-"): _line(value or "") for name, value in said.items()}
    return [{"name": name, "value": value, "ns": _PROPERTIES} for name, value in named.items() if value]


def _line(text: str) -> str:
    return " ".join(text.split())


def _token(name: str) -> str:
    """An NCName-like token: letters, digits, dots, dashes and underscores, which begins with a letter."""
    kept = "".join(each if each.isalnum() or each in "._-" else "." for each in name)
    return kept if kept[:1].isalpha() or kept[:1] == "_" else f"_{kept}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
