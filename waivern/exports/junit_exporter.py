"""JUnit XML, as pipelines show it: a test case a rule, which fails where the rule found something grave enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from xml.sax.saxutils import escape, quoteattr

from waivern.exports.encoding.formatting import count
from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report, rule_id
from waivern.exports.model.reported_finding import ReportedFinding, severity_rank

_MOST_TOLD = 100
_UNFIT = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
    if chr(code) not in "\t\n"
}


class JunitExporter(Exporter):
    """Findings on which somebody has decided do not fail; what was not looked at is skipped, never passed."""

    endings = ("xml",)

    @classmethod
    def get_name(cls) -> str:
        return "junit"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/xml"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(part.encode() for part in _written(report, _cases(report, preferences.fail_from)))


@dataclass
class _Case:
    """One rule: how often it failed, and the first places."""

    name: str
    group: str
    failures: int = 0
    gravest: str = ""
    passed_over: int = 0
    told: list[str] = field(default_factory=list)

    def note(self, reported: ReportedFinding, *, fail_from: int) -> None:
        severity = reported.finding.severity
        if reported.decision is not None or severity_rank(severity) < fail_from:
            self.passed_over += 1
            return
        self.failures += 1
        if not self.gravest or severity_rank(severity) > severity_rank(self.gravest):
            self.gravest = severity
        if len(self.told) < _MOST_TOLD:
            self.told.append(_line(reported))


def _cases(report: Report, fail_from: str) -> Mapping[str, _Case]:
    cases = {rule.id: _Case(rule.name, rule.ruleset) for rule in report.rules}
    for reported in report.findings:
        rule = rule_id(reported.ruleset, reported.finding.rule)
        case = cases.setdefault(rule, _Case(reported.finding.rule, reported.ruleset or "pruned"))
        case.note(reported, fail_from=severity_rank(fail_from))
    return cases


def _written(report: Report, cases: Mapping[str, _Case]) -> Iterator[str]:
    skipped = list(_not_looked_at(report))
    errors = 0 if report.incomplete_reason is None else 1
    failures = sum(case.failures > 0 for case in cases.values())
    numbers = (
        f'tests="{len(cases) + len(skipped) + errors}" failures="{failures}" errors="{errors}" skipped="{len(skipped)}"'
    )
    began = (report.run.started_at or report.run.created_at).astimezone(UTC).replace(tzinfo=None)
    at = f'timestamp="{began.isoformat(timespec="seconds")}" time="{report.run.duration_seconds or 0:.3f}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="Waivern" {numbers}>\n'
    yield f"<testsuite name={_quoted(report.run.runbook)} {numbers} {at}>\n"
    yield f'<properties><property name="run" value={_quoted(report.run.id)}/></properties>\n'
    if report.incomplete_reason is not None:
        yield _case("The run ended well", "run", f"<error message={_quoted(report.incomplete_reason)}/>")
    for case in cases.values():
        yield _of_rule(case)
    for name, group, why in skipped:
        yield _case(name, group, f"<skipped message={_quoted(why)}/>")
    yield "</testsuite>\n</testsuites>\n"


def _of_rule(case: _Case) -> str:
    passed_over = f"{count(case.passed_over, 'finding')} below the threshold, suppressed or accepted"
    out = f"<system-out>{_text(passed_over)}</system-out>" if case.passed_over else ""
    if not case.failures:
        return _case(case.name, case.group, out)
    beyond = case.failures - len(case.told)
    lines = [*case.told, *([f"and {beyond:,} more"] if beyond else [])]
    message = f"{count(case.failures, 'finding')}, the gravest {case.gravest}"
    failure = f"<failure message={_quoted(message)} type={_quoted(case.gravest)}>{_text(chr(10).join(lines))}</failure>"
    return _case(case.name, case.group, failure + out)


def _not_looked_at(report: Report) -> Iterator[tuple[str, str, str]]:
    for artifact in report.not_made:
        why = artifact.error or f"because of {artifact.skipped_because or artifact.skip_reason or 'the end of the run'}"
        yield artifact.artifact_id, "artifacts", f"{artifact.status.value}: {why}"
    for each in report.left_out:
        yield each.what, f"not looked at.{each.artifact_id}", each.why
    for part in report.in_part:
        yield part.what, f"looked at in part.{part.artifact_id}", f"read {part.read:,} of {part.of:,}"


def _case(name: str, group: str, inside: str) -> str:
    return f'<testcase name={_quoted(name)} classname={_quoted(group)} time="0">{inside}</testcase>\n'


def _line(reported: ReportedFinding) -> str:
    finding = reported.finding
    lines = f" line {', '.join(map(str, reported.location.lines))}" if reported.location.lines else ""
    samples = ", ".join(each.content for each in reported.evidence or ())
    change = f" ({reported.change.value})" if reported.change is not None else ""
    return (
        f"{finding.severity}: {finding.location}{lines} in {finding.source}{change}: {samples}  [{finding.fingerprint}]"
    )


def _text(text: str) -> str:
    return escape(text.translate(_UNFIT))


def _quoted(text: str) -> str:
    return quoteattr(text.translate(_UNFIT))
