"""OSCAL (NIST) Assessment Results 1.1: observations, findings by rule, and what could not be assessed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from waivern import __version__
from waivern.exports.encoding.formatting import count, humanize
from waivern.exports.encoding.json_encoding import drop_empty, encode_json, in_chunks, json_array, stable_uuid
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import PROJECT, Report, ReportedRule, rule_id
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.history.comparison import Change

_VERSION = "1.1.3"
_PROPERTIES = f"{PROJECT}/ns/oscal"
_MAX_GAPS_LISTED = 2_000


class OscalExporter(Exporter):
    """One observation per finding, and one OSCAL finding per rule: `not-satisfied` if the rule detected something.

    A rule without findings is `satisfied` only if there are no coverage gaps; otherwise its result is not known.
    """

    extensions = ("json",)

    @classmethod
    def get_name(cls) -> str:
        return "oscal"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/oscal+json"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(_pieces(report))


def _pieces(report: Report) -> Iterator[bytes]:
    # The OSCAL findings refer to the observations, so they follow them.
    ids = _Ids(report)
    observed: dict[str, list[str]] = {}
    header = {
        "uuid": ids.of("assessment-results"),
        "metadata": _metadata(report),
        "import-ap": {
            "href": f"urn:uuid:{ids.of('assessment-plan')}",
            "remarks": "The runbook is used as the plan",
        },
    }
    yield b'{"assessment-results":' + encode_json(header)[:-1] + b',"results":['
    yield encode_json(_result(report, ids))[:-1] + b',"observations":'
    yield from json_array(_observations(report, ids, observed))
    findings = list(_findings(report, ids, observed))
    if findings:  # OSCAL forbids an empty array
        yield b',"findings":'
        yield from json_array(findings)
    yield b"}]}}\n"


class _Ids:
    """UUIDs that are the same in every export of a run."""

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


def _observations(report: Report, ids: _Ids, observed: dict[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    """Yield one observation per finding, adding its UUID to `observed` by rule, and one for the coverage gaps."""
    for reported in report.findings:
        uuid = ids.of("observation", reported.finding.fingerprint)
        observed.setdefault(rule_id(reported.ruleset, reported.finding.rule), []).append(uuid)
        yield _observation(report, reported, uuid)
    yield _coverage(report, ids)


def _observation(report: Report, reported: ReportedFinding, uuid: str) -> Mapping[str, Any]:
    finding, decision = reported.finding, reported.decision
    samples = [
        {"description": f"Line {sample.line}: {sample.content}" if sample.line else sample.content or "(empty)"}
        for sample in reported.evidence or ()
    ]
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    matches = "1 match" if finding.match_count == 1 else f"{finding.match_count:,} matches"
    return drop_empty(
        uuid=uuid,
        title=_line(f"{humanize(finding.rule)} in {finding.location or finding.source}"),
        description=f"{humanize(finding.rule)}, {matches}, confidence {finding.confidence:.0%}, at {where}",
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
    gaps = [f"{artifact.artifact_id}: {artifact.status.value}" for artifact in report.not_produced]
    gaps += [f"{gap.name}: {gap.reason}" for gap in report.not_scanned]
    gaps += [f"{gap.name}: {gap.extent}" for gap in report.partially_scanned]
    gaps += [
        f"{difference.finding.fingerprint}: {difference.because}"
        for difference in report.no_longer_found(Change.UNKNOWN)
    ]
    others = len(gaps) - _MAX_GAPS_LISTED
    shown = [*gaps[:_MAX_GAPS_LISTED], *([f"and {others:,} more, listed in the json export"] if others > 0 else [])]
    return drop_empty(
        uuid=ids.of("coverage"),
        title="Coverage gaps",
        description=f"Not scanned or only partially scanned: {count(len(gaps), 'item')}",
        methods=["TEST-AUTOMATED"],
        types=["not-scanned"],
        collected=_instant(report.run.ended_at or report.run.created_at),
        remarks="\n".join(shown),
    )


def _findings(report: Report, ids: _Ids, observed: Mapping[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    rules = {rule.id: rule for rule in report.rules}
    everything_scanned = report.is_complete and not report.has_coverage_gaps
    for name in dict.fromkeys([*observed, *(rules if everything_scanned else ())]):
        yield _finding(name, rules.get(name), ids, observed.get(name, []))


def _finding(name: str, rule: ReportedRule | None, ids: _Ids, observations: list[str]) -> Mapping[str, Any]:
    state = "not-satisfied" if observations else "satisfied"
    reason = "fail" if observations else "pass"
    return drop_empty(
        uuid=ids.of("finding", name),
        title=_line(humanize(name.split("/")[-1])),
        description=_description(rule, len(observations)),
        props=[] if rule is None else _properties(category=rule.category, severity=rule.severity, ruleset=rule.ruleset),
        target={"type": "objective-id", "target-id": _token(name), "status": {"state": state, "reason": reason}},
        **{"related-observations": [{"observation-uuid": uuid} for uuid in observations]},
    )


def _description(rule: ReportedRule | None, number: int) -> str:
    result = f"{count(number, 'finding')}." if number else "No findings."
    if rule is None:
        return result
    return " ".join(
        part for part in (result, rule.description, f"Source: {rule.source}." if rule.source else "") if part
    )


def _properties(**values: str | None) -> list[Mapping[str, str]]:
    # OSCAL requires non-empty single-line values without surrounding spaces.
    lines = {name.replace("_", "-"): _line(value or "") for name, value in values.items()}
    return [{"name": name, "value": value, "ns": _PROPERTIES} for name, value in lines.items() if value]


def _line(text: str) -> str:
    return " ".join(text.split())


def _token(name: str) -> str:
    """Return the name as an OSCAL token: letters, digits, dots, dashes and underscores, not beginning with a digit."""
    kept = "".join(character if character.isalnum() or character in "._-" else "." for character in name)
    return kept if kept[:1].isalpha() or kept[:1] == "_" else f"_{kept}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
