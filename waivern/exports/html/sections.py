"""The sections of the page, except the table of findings."""

from collections.abc import Iterator, Sequence

from waivern.exports.encoding.formatting import count, duration, format_instant, humanize
from waivern.exports.html import charts, dag
from waivern.exports.html.finding_counts import FindingCounts
from waivern.exports.html.markup import Markup, element, join
from waivern.exports.model.report import Report
from waivern.history.comparison import Change, Difference, Reason
from waivern.history.run_records import ArtifactRecord

_MAX_PER_CHANGE = 50
_CHANGES_SHOWN = (Change.NEW, Change.REOPENED, Change.FIXED, Change.CHANGED, Change.UNKNOWN)


def head(report: Report, counts: FindingCounts) -> Markup:
    """Return what was scanned, when, and how it ended, with warnings first."""
    run = report.run
    facts = [
        ("Run", element("code", run.id)),
        ("Started", format_instant(run.started_at or run.created_at)),
        ("Duration", duration(run.duration_seconds)),
        ("Trigger", humanize(run.trigger) + (f" ({run.schedule})" if run.schedule else "")),
        ("Contact", report.contact),
        ("Framework", report.framework),
    ]
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in facts if value]
    return element(
        "header",
        element("h1", run.runbook, " ", _badge(run.status.value)),
        element("p", report.description) if report.description else None,
        element("dl", rows, class_="facts"),
        _warnings(report),
        _figures(report, counts),
    )


def _warnings(report: Report) -> Iterator[Markup]:
    if report.incomplete_reason is not None:
        yield element("p", element("b", "Incomplete. "), f"{report.incomplete_reason}.", class_="alarm", role="alert")
    if report.without_evidence:
        names = ", ".join(report.without_evidence)
        message = f"The content of these artifacts was pruned, so their findings have no evidence: {names}."
        yield element("p", message, class_="warning")


def _figures(report: Report, counts: FindingCounts) -> Markup:
    changes = {} if report.comparison is None else report.comparison.counts()
    figures = [("findings", counts.total)]
    figures += [(name, changes[name]) for name in ("new", "reopened", "fixed", "unknown") if name in changes]
    figures += [("suppressed or accepted", counts.decided), ("not scanned", len(report.not_scanned))]
    return element(
        "ul",
        [element("li", element("b", f"{number:,}"), element("span", name)) for name, number in figures],
        class_="figures",
    )


def overview(report: Report, counts: FindingCounts) -> Markup:
    """Return the charts."""
    left = element("div", charts.severities(counts.by_severity), charts.findings_per_run(list(report.past_runs)))
    return _section(
        "Findings", element("div", left, element("div", charts.categories(counts.by_category)), class_="charts")
    )


def artifacts(report: Report) -> Markup:
    """Return the artifacts and their inputs, as a drawing and as a table."""
    titles = ("Artifact", "Status", "Component", "Inputs", "Schema", "Started", "Duration")
    drawing = dag.draw_dag(report.artifacts)
    too_many = (
        None if drawing is not None else element("p", f"{count(len(report.artifacts), 'artifact')}: too many to draw.")
    )
    rows = [_artifact(artifact) for artifact in report.artifacts]
    table = element("details", element("summary", "As a table"), element("div", _table(titles, rows), class_="wide"))
    return _section("Artifacts", element("div", drawing, class_="wide") if drawing else too_many, table)


def _artifact(artifact: ArtifactRecord) -> list[object]:
    reason = artifact.error or (f"because of {artifact.skipped_because}" if artifact.skipped_because else None)
    return [
        element("b", artifact.artifact_id),
        join(_badge(artifact.status.value), element("div", reason, class_="note") if reason else None),
        artifact.component or artifact.kind,
        ", ".join(artifact.inputs),
        artifact.schema or "",
        format_instant(artifact.started_at),
        duration(artifact.duration_seconds),
    ]


def changes(report: Report) -> Markup:
    """Return the changes since the previous complete run, each with its reason."""
    comparison = report.comparison
    if comparison is None:
        return _section("Changes", element("p", "There is no previous complete run to compare with."))
    numbers = ", ".join(f"{number:,} {name}" for name, number in comparison.counts().items() if number)
    base = comparison.base
    since = element(
        "p", f"Since run {base.id[:18]} of {format_instant(base.started_at)}: {numbers or 'no findings in both runs'}."
    )
    return _section("Changes", since, [_change(change, comparison.of(change)) for change in _CHANGES_SHOWN])


def _change(change: Change, differences: Sequence[Difference]) -> Markup | None:
    if not differences:
        return None
    rows = [_difference(difference) for difference in differences[:_MAX_PER_CHANGE]]
    others = len(differences) - len(rows)
    more = element("p", f"and {others:,} more", class_="note") if others else None
    title = element("h3", _badge(change.value), f" {count(len(differences), 'finding')}")
    return element("div", title, element("ul", rows, class_="plain"), more)


def _difference(difference: Difference) -> Markup:
    finding = difference.finding
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    return element(
        "li",
        element("span", class_=f"dot {finding.severity}", title=finding.severity),
        element("b", humanize(finding.rule)),
        f" at {where} ",
        element("span", f"({_reason(difference)})", class_="faint"),
    )


def _reason(difference: Difference) -> str:
    if difference.reason is Reason.SCOPE:
        return f"not scanned: {difference.because}"
    return "the rules changed" if difference.reason is Reason.RULES else "the data changed"


def coverage(report: Report) -> Markup:
    """Return what was not scanned or only partially scanned."""
    if not report.has_coverage_gaps:
        return _section("Not scanned", element("p", "Everything in scope was scanned."))
    rows: list[Sequence[object]] = [
        [
            artifact.artifact_id,
            _badge(artifact.status.value),
            artifact.error or f"because of {artifact.skipped_because or artifact.skip_reason}",
        ]
        for artifact in report.not_produced
    ]
    rows += [[gap.artifact_id, gap.name, gap.reason] for gap in report.not_scanned]
    rows += [
        [gap.artifact_id, gap.name, gap.extent + (f"; {gap.bound}" if gap.bound else "")]
        for gap in report.partially_scanned
    ]
    return _section("Not scanned", _table(("Artifact", "Name", "Reason"), rows))


def rules(report: Report, counts: FindingCounts) -> Markup:
    """Return the rules with findings, and the law behind them."""
    by_name = {(rule.ruleset, rule.name): rule for rule in report.rules}
    rows = []
    for (ruleset, name), number in sorted(counts.by_rule.items(), key=lambda item: (-item[1], item[0][1])):
        rule = by_name.get((ruleset or "", name))
        description = rule.description if rule else ""
        rows.append([humanize(name), f"{number:,}", rule.source if rule else "", description, ruleset or ""])
    note = element("p", f"{len(rows):,} of {count(len(report.rules), 'rule')} have findings.", class_="note")
    return _section("Rules", note, _table(("Rule", "Findings", "Source", "Description", "Ruleset"), rows))


def _section(title: str, *content: object) -> Markup:
    anchor = title.lower().replace(" ", "-")
    return element("section", element("h2", title, id=anchor), *content, aria_labelledby=anchor)


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    top = element("thead", element("tr", [element("th", title, scope="col") for title in titles]))
    body = element("tbody", [element("tr", [element("td", cell) for cell in row]) for row in rows])
    return element("table", top, body)


def _badge(status: str) -> Markup:
    return element("span", humanize(status), class_=f"badge {status}")
