"""JUnit XML for CI pipelines: one test case per rule, which fails if the rule has findings of sufficient severity."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from xml.sax.saxutils import escape, quoteattr

from waivern.escaping import lines
from waivern.exports.encoding.formatting import count, lines_in_words
from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report, rule_id
from waivern.exports.model.reported_finding import ReportedFinding
from waivern.severity import severity_rank

_MAX_LINES = 100


class JunitExporter(Exporter):
    """Suppressed and accepted findings do not fail a test case. What was not scanned is a skipped test case."""

    extensions = ("xml",)

    @classmethod
    def get_name(cls) -> str:
        return "junit"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/xml"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(piece.encode() for piece in _pieces(report, _cases(report, preferences.fail_from)))


@dataclass
class _RuleCase:
    """One rule: its number of failures, and a line for each of the first ones."""

    name: str
    class_name: str
    failures: int = 0
    highest_severity: str = ""
    ignored: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, reported: ReportedFinding, *, fail_from: int) -> None:
        severity = reported.finding.severity
        if reported.decision is not None or severity_rank(severity) < fail_from:
            self.ignored += 1
            return
        self.failures += 1
        if not self.highest_severity or severity_rank(severity) > severity_rank(self.highest_severity):
            self.highest_severity = severity
        if len(self.lines) < _MAX_LINES:
            self.lines.append(_line(reported))


def _cases(report: Report, fail_from: str) -> Mapping[str, _RuleCase]:
    cases = {rule.id: _RuleCase(rule.name, rule.ruleset) for rule in report.rules}
    for reported in report.findings:
        rule = rule_id(reported.ruleset, reported.finding.rule)
        case = cases.setdefault(rule, _RuleCase(reported.finding.rule, reported.ruleset or "pruned"))
        case.add(reported, fail_from=severity_rank(fail_from))
    return cases


def _pieces(report: Report, cases: Mapping[str, _RuleCase]) -> Iterator[str]:
    skipped = list(_skipped(report))
    errors = 0 if report.incomplete_reason is None else 1
    failures = sum(case.failures > 0 for case in cases.values())
    counts = (
        f'tests="{len(cases) + len(skipped) + errors}" failures="{failures}" errors="{errors}" skipped="{len(skipped)}"'
    )
    started = (report.run.started_at or report.run.created_at).astimezone(UTC).replace(tzinfo=None)
    times = f'timestamp="{started.isoformat(timespec="seconds")}" time="{report.run.duration_seconds or 0:.3f}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="Waivern" {counts}>\n'
    yield f"<testsuite name={_quoted(report.run.runbook)} {counts} {times}>\n"
    yield f'<properties><property name="run" value={_quoted(report.run.id)}/></properties>\n'
    if report.incomplete_reason is not None:
        yield _test_case("The run completed", "run", f"<error message={_quoted(report.incomplete_reason)}/>")
    for case in cases.values():
        yield _rule_case(case)
    for name, class_name, reason in skipped:
        yield _test_case(name, class_name, f"<skipped message={_quoted(reason)}/>")
    yield "</testsuite>\n</testsuites>\n"


def _rule_case(case: _RuleCase) -> str:
    ignored = f"{count(case.ignored, 'finding')} below the threshold, suppressed or accepted"
    output = f"<system-out>{_text(ignored)}</system-out>" if case.ignored else ""
    if not case.failures:
        return _test_case(case.name, case.class_name, output)
    others = case.failures - len(case.lines)
    lines = "\n".join([*case.lines, *([f"and {others:,} more"] if others else [])])
    message = f"{count(case.failures, 'finding')}, highest severity: {case.highest_severity}"
    attributes = f"message={_quoted(message)} type={_quoted(case.highest_severity)}"
    return _test_case(case.name, case.class_name, f"<failure {attributes}>{_text(lines)}</failure>{output}")


def _skipped(report: Report) -> Iterator[tuple[str, str, str]]:
    for artifact in report.not_produced:
        cause = artifact.skipped_because or artifact.skip_reason or "the end of the run"
        yield artifact.artifact_id, "artifacts", f"{artifact.status.value}: {artifact.error or f'because of {cause}'}"
    for gap in report.not_scanned:
        yield gap.name, f"not scanned.{gap.artifact_id}", gap.reason
    for part in report.partially_scanned:
        yield part.name, f"partially scanned.{part.artifact_id}", part.extent


def _test_case(name: str, class_name: str, content: str) -> str:
    return f'<testcase name={_quoted(name)} classname={_quoted(class_name)} time="0">{content}</testcase>\n'


def _line(reported: ReportedFinding) -> str:
    finding = reported.finding
    lines = f" {lines_in_words(reported.location.lines)}" if reported.location.lines else ""
    samples = ", ".join(evidence.content for evidence in reported.evidence or ())
    change = f" ({reported.change.value})" if reported.change is not None else ""
    where = f"{finding.location}{lines} in {finding.source}{change}"
    return f"{finding.severity}: {where}: {samples}  [{finding.fingerprint}]"


def _text(text: str) -> str:
    return escape(lines(text))


def _quoted(text: str) -> str:
    return quoteattr(lines(text))
